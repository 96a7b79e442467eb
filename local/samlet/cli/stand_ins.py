"""A project's parameters where nothing runs yet: what only a running Samlet knows is stood in for."""

import base64
from collections.abc import Mapping

from samlet.project import Project, fill
from samlet.settings import LOOPBACK, Settings

_SECRET = base64.b64encode(bytes(32)).decode()


def parameters(project: Project, settings: Settings, given: Mapping[str, str]) -> dict[str, str]:
    """The template's parameters as `start` would give them, `given` ones last."""
    return fill(project.parameters, facts(project, settings)) | dict(given)


def facts(project: Project, settings: Settings) -> dict[str, str]:
    """A value of the right shape for every placeholder of samlet.toml."""
    database = project.postgres.database if project.postgres else ""
    ports = {part: port or 1 for part, port in settings.ports.items()}
    known = {
        "postgres.host": LOOPBACK,
        "postgres.port": str(ports["postgres"]),
        "postgres.database": database,
        "postgres.admin_url": f"postgresql://samlet_admin:password@{LOOPBACK}:{ports['postgres']}/{database}",
        "kafka.bootstrap_servers": f"{LOOPBACK}:{ports['kafka']}",
        "mail.url": f"smtp://{LOOPBACK}:{ports['smtp']}",
        "api.url": settings.api_url or f"http://{LOOPBACK}:{ports['api']}",
        "web.url": settings.web_url or f"http://{LOOPBACK}:{ports['web']}",
    }
    return {name: known.get(name, _SECRET) for name in project.placeholders()}
