"""The examinations of `samlet doctor`, each of one thing; nothing is started, downloaded or changed."""

import shutil
import socket
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psutil

import samlet
from samlet.cli.findings import Finding, ok, problem, warning
from samlet.cli.stand_ins import makes_others
from samlet.emulator.clusters import Clusters
from samlet.errors import EnvironmentFailed, KafkaFailed, ServiceFailed
from samlet.kafka_access import Secrets, SecuredKafka
from samlet.model import Function, Schedule, Template
from samlet.project import Project
from samlet.runtime import entrypoint, environments, interpreters
from samlet.services import kafka as kafka_service
from samlet.services.maven import downloads_folder, to_download
from samlet.services.postgres_place import bundle, unpacked_folder
from samlet.settings import LOOPBACK, Settings, setting_of
from samlet.state import State

_MUCH, _LITTLE = 1_000_000_000, 200_000_000  # bytes


def of_pythons(functions: Iterable[Function]) -> Iterator[Finding]:
    """Whether each Python that the template names is here."""
    for runtime in sorted({function.runtime for function in functions if function.runtime.startswith("python")}):
        try:
            found = interpreters.find(runtime, strict=True)
            yield ok(runtime, f"{found.path}")
        except EnvironmentFailed as error:
            missing, _, remedy = str(error).partition(": ")
            yield warning(runtime, f"{missing}; its functions run on the nearest version", remedy)


def of_bootstraps(functions: Iterable[Function]) -> Iterator[Finding]:
    """Whether each program that is its own runtime was built, for this machine."""
    for function in functions:
        if function.runtime.startswith("provided"):
            layers = (layer for layer in reversed(function.layers) if (layer / "bootstrap").exists())
            opt = next(layers, None)
            if fault := entrypoint.fault(function.code, opt):
                text, _, remedy = fault.rpartition(": ")
                yield problem(function.logical_id, text, remedy)
            else:
                yield ok(function.logical_id, f"{entrypoint.bootstrap_of(function.code, opt)}")


def of_ports(project: Project, settings: Settings, state: State) -> Iterator[Finding]:
    """Whether the ports are free, or are our own."""
    running = state.running()
    ours = _family(running.pid) if running else frozenset()
    holders = _holders()
    for part in _parts(project, settings):
        port, subject = settings.ports[part], f"port of {part}"
        if port == 0:
            yield ok(subject, "any free one")
        elif _free(settings.host, port):
            yield ok(subject, f"{port} is free")
        elif holders.get(port) in ours:
            yield ok(subject, f"{port}, the Samlet that runs here")
        else:
            remedy = f"set {setting_of(part)} to another one, or to 0 for any free port"
            yield problem(subject, f"{port} is taken by {_named(holders.get(port))}", remedy)


def of_services(project: Project, settings: Settings, state: State) -> Iterator[Finding]:
    """Whether what the embedded services are made of is here."""
    downloads = downloads_folder(state.folder)
    if project.kafka and not settings.kafka_bootstrap_servers:
        yield _java()
        yield _download("Kafka", to_download("kafka", downloads))
    if project.postgres and not settings.database_admin_url:
        try:
            unpacked = unpacked_folder(downloads).exists()
            yield _download("PostgreSQL", 0 if unpacked else to_download(bundle(), downloads))
        except ServiceFailed as error:
            text, _, remedy = str(error).partition("; ")
            yield problem("PostgreSQL", text, remedy)


def of_kafka_secrets(template: Template, project: Project, settings: Settings) -> Iterator[Finding]:
    """Whether the secrets can be read by which a Kafka lets its mappings in."""
    own = settings.kafka_bootstrap_servers or (f"{LOOPBACK}:{settings.ports['kafka'] or 1}" if project.kafka else None)
    clusters = Clusters(own, not settings.kafka_bootstrap_servers and project.kafka, project.kafka_secrets)
    made = makes_others(project, settings) and "AWS::SecretsManager::Secret" in template.others.values()
    for mapping in template.kafka_mappings:
        if not mapping.access or clusters.asks_nobody(mapping):
            continue
        secrets = Secrets(project.kafka_secrets, region=template.region)
        missing = []
        for kind, uri in mapping.access:
            if made and not uri.startswith("arn:"):
                continue  # perhaps the template's own, which moto holds once it runs
            try:
                SecuredKafka("", ((kind, uri),), secrets).access()
            except KafkaFailed as trouble:
                missing.append(str(trouble).partition(": name a file")[0])
        remedy = "name a file with its JSON under [kafka_secrets] in samlet.toml; until then no record is read"
        yield (
            warning(mapping.logical_id, "; ".join(missing), remedy)
            if missing
            else ok(mapping.logical_id, "no secret of its Kafka is missing")
        )


def of_packages(functions: Iterable[Function], settings: Settings, state: State) -> Finding:
    """Whether the functions' packages are installed."""
    folder = (settings.cache_folder or state.folder) / "environments"
    missing = sorted(function.logical_id for function in functions if not _installed(function, folder))
    if missing:
        return warning("packages", f"will be installed at start, for {', '.join(missing)}", "needs the network once")
    return ok("packages", "installed")


def of_state(state: State) -> Iterator[Finding]:
    """Whether the state folder can be written, has room, and is in use."""
    place = next(folder for folder in (state.folder, *state.folder.parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            yield ok("state folder", f"{state.folder}")
    except OSError as error:
        remedy = "set SAMLET_STATE_DIR to a folder of yours"
        yield problem("state folder", f"{place} cannot be written: {error.strerror}", remedy)
    free = shutil.disk_usage(place).free
    text, remedy = (
        f"{free / 1e9:.1f} GB free",
        "make room, or set SAMLET_STATE_DIR and SAMLET_CACHE_DIR to another disk",
    )
    yield (
        problem("disk", text, remedy)
        if free < _LITTLE
        else (warning("disk", text, remedy) if free < _MUCH else ok("disk", text))
    )
    running = state.running()
    told = f"runs here, pid {running.pid}, console {running.addresses.get('console')}" if running else "not running"
    yield ok("samlet", f"{samlet.__version__}, {told}")


def of_clock(schedules: Iterable[Schedule], now: float, newest: float) -> Iterator[Finding]:
    """Whether the clock can be right, and the zones of the schedules are known; times in epoch seconds."""
    moment = datetime.fromtimestamp(now, UTC)
    shown = f"{moment:%Y-%m-%dT%H:%M:%SZ}, here {moment.astimezone():%H:%M %Z}"
    if now < newest:
        yield problem(
            "clock", f"{shown}: earlier than Samlet's own files", "set the clock; schedules and tokens need it"
        )
    else:
        yield ok("clock", shown)
    for zone in sorted({"UTC", *(schedule.timezone for schedule in schedules)}):
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            yield problem(
                "time zones", f"there is no {zone}", "mend the template, or `pip install tzdata` where Samlet is"
            )
            return
    yield ok("time zones", "all known")


def of_template(template: Template) -> Finding:
    """What of the template is run."""
    text = f"{template.path}: {_counted(len(template.functions), 'function')}"
    if not template.unsupported:
        return ok("template", text)
    count = _counted(len(template.unsupported), "part")
    return warning("template", f"{text}, {count} not run", "`samlet validate` lists what isn't run")


def of_network(findings: Iterable[Finding]) -> Finding:
    """Whether anything has still to be fetched."""
    wanting = [finding.subject for finding in findings if finding.remedy and "network" in finding.remedy]
    return warning("network", f"needed once, for {', '.join(wanting)}") if wanting else ok("network", "not needed")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _java() -> Finding:
    try:
        return ok("Java", f"{kafka_service.find_java()}")
    except ServiceFailed as error:
        text, _, remedy = str(error).rpartition("; ")
        return problem("Java", text, remedy)


def _download(subject: str, size: int) -> Finding:
    if size:
        return warning(subject, f"{size / 1e6:.0f} MB are downloaded at the first start", "needs the network once")
    return ok(subject, "downloaded")


def _installed(function: Function, folder: Path) -> bool:
    if not function.runtime.startswith("python"):
        return True
    try:
        interpreter = interpreters.find(function.runtime, strict=True)
    except EnvironmentFailed:
        return True  # told already
    return environments.is_built(
        folder / environments.fingerprint(interpreter, environments.requirement_files(function))
    )


def _parts(project: Project, settings: Settings) -> Iterator[str]:
    yield from ("api", "lambda", "console")
    if project.web and not settings.web_url:
        yield "web"
    if project.mail and not settings.smtp_url:
        yield "smtp"
    if project.postgres and not settings.database_admin_url:
        yield "postgres"
    if project.kafka and not settings.kafka_bootstrap_servers:
        yield "kafka"


def _free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        # As our servers do: a port whose last connections are only waiting out their time is not taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _holders() -> dict[int, int | None]:
    """Who listens on which port, as far as that may be known: macOS tells of other processes only to root."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return {}
    return {each.laddr[1]: each.pid for each in connections if each.laddr and each.status == psutil.CONN_LISTEN}


def _named(pid: int | None) -> str:
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})" if pid else "somebody whom this user may not see"
    except psutil.Error:
        return "a process that has just ended"


def _family(pid: int) -> frozenset[int]:
    try:
        return frozenset({pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))})
    except psutil.Error:
        return frozenset()
