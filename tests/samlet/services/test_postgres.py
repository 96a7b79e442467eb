import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pg8000.dbapi
import psutil
import pytest
import pytest_asyncio

from samlet.errors import PortTaken, ServiceFailed
from samlet.processes import Reaper
from samlet.services import Postgres, reset
from samlet.services.postgres_place import _folder_for_root, _name_for_root
from samlet.services.supervise import tail
from waiting import eventually_async

ON_THE_LASTING_ONE = pytest.mark.xdist_group("lasting")  # otherwise each worker starts one


@contextlib.contextmanager
def connected(url: str, **changes: Any) -> Iterator[Any]:
    parts = urlsplit(url)
    words = {
        "host": parts.hostname,
        "port": parts.port,
        "user": parts.username,
        "password": unquote(parts.password or ""),
        "database": parts.path[1:],
        "timeout": 10,
    }
    connection = pg8000.dbapi.connect(**{**words, **changes})
    connection.autocommit = True
    try:
        yield connection.cursor()
    finally:
        with contextlib.suppress(pg8000.dbapi.InterfaceError, OSError):
            connection.close()


def ask(url: str, *statements: str) -> list[Any]:
    with connected(url) as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting(tmp_path_factory: pytest.TempPathFactory, downloads: Path) -> AsyncIterator[Postgres]:
    """One server for all who only ask it."""
    state = tmp_path_factory.mktemp("lasting")
    with Reaper() as reaper:
        server = Postgres(state, port=0, database="shop", reaper=reaper, downloads=downloads)
        await server.start()
        yield server
        await server.stop()
    reset(state)


@ON_THE_LASTING_ONE
def test_the_admin_owns_the_database_and_makes_roles_but_is_no_superuser(lasting: Postgres) -> None:
    ask(lasting.admin_url, "CREATE ROLE shop_reader LOGIN PASSWORD 'x'", "CREATE DATABASE another")
    sql = "SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user"
    assert ask(lasting.admin_url, sql) == [[False, False, True]]
    sql = "SELECT pg_get_userbyid(datdba) = current_user FROM pg_database WHERE datname = 'shop'"
    assert ask(lasting.admin_url, sql) == [[True]]


@ON_THE_LASTING_ONE
def test_contrib_modules_are_there(lasting: Postgres) -> None:
    ask(lasting.admin_url, "CREATE EXTENSION citext", "CREATE EXTENSION pgcrypto")
    assert ask(lasting.admin_url, "SELECT 'A'::citext = 'a'") == [[True]]


@ON_THE_LASTING_ONE
def test_a_password_is_required_and_stored_with_scram(lasting: Postgres) -> None:
    for wrong in ("", "wrong"):
        with pytest.raises(pg8000.dbapi.DatabaseError, match="password"), connected(lasting.admin_url, password=wrong):
            pass
    methods = ask(lasting.admin_url, "SHOW password_encryption")
    assert methods == [["scram-sha-256"]]


@ON_THE_LASTING_ONE
def test_nothing_but_loopback_is_listened_on(lasting: Postgres) -> None:
    pid = lasting.status()["pid"]
    assert isinstance(pid, int)
    listening = [each.laddr for each in psutil.Process(pid).net_connections("all") if each.status == "LISTEN"]
    assert [address.ip for address in listening] == ["127.0.0.1"]
    assert ask(lasting.admin_url, "SHOW unix_socket_directories") == [[""]]


@ON_THE_LASTING_ONE
def test_durability_is_on(lasting: Postgres) -> None:
    sql = "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes')"
    assert ask(lasting.admin_url, sql) == [["on", "on", "on"]]


@ON_THE_LASTING_ONE
def test_the_server_runs_unprivileged_in_a_folder_of_its_own(lasting: Postgres) -> None:
    pid, place = lasting.status()["pid"], lasting._place
    assert isinstance(pid, int)
    assert place is not None
    server, folder = psutil.Process(pid), place.folder.stat()
    assert server.uids().effective == folder.st_uid != 0
    assert server.gids().effective != 0
    assert folder.st_mode & 0o777 == 0o700


async def test_reset_removes_everything_wherever_it_lies(postgres: Postgres, state: Path) -> None:
    place = postgres._place
    assert place is not None
    await postgres.stop()
    reset(state)
    assert not [folder for folder in (place.folder, state / "postgres") if folder.exists()]


def test_a_link_that_somebody_laid_in_roots_way_is_not_followed(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samlet.services.postgres_place._SHARED", tmp_path)
    (tmp_path / "victim").mkdir()
    _name_for_root(state).symlink_to(tmp_path / "victim")
    folder = _folder_for_root(state, os.geteuid())
    assert not folder.is_symlink()
    assert folder.stat().st_mode & 0o777 == 0o700


async def test_a_killed_server_comes_back_with_everything_acknowledged(
    postgres: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(postgres.admin_url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42)")
    pid = postgres.status()["pid"]
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)
    await eventually_async(lambda: postgres.status()["restarts"] != 0 and postgres.status()["state"] == "ready")
    assert postgres.status()["pid"] != pid
    assert "died unexpectedly" in capsys.readouterr().err
    assert ask(postgres.admin_url, "SELECT n FROM kept") == [[42]]


async def test_data_and_password_survive_a_restart(postgres: Postgres) -> None:
    ask(postgres.admin_url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42)")
    url = postgres.admin_url
    await postgres.stop()
    await postgres.start()
    assert postgres.admin_url == url
    assert ask(url, "SELECT n FROM kept") == [[42]]


async def test_another_database_is_made_on_the_next_start(
    postgres: Postgres, state: Path, reaper: Reaper, downloads: Path
) -> None:
    await postgres.stop()
    renamed = Postgres(state, port=0, database="shop-2", reaper=reaper, downloads=downloads)
    await renamed.start()
    try:
        assert ask(renamed.admin_url, "SELECT current_database()") == [["shop-2"]]
    finally:
        await renamed.stop()


async def test_a_stop_is_clean_even_with_a_client_connected(postgres: Postgres, state: Path) -> None:
    with connected(postgres.admin_url) as cursor:
        cursor.execute("SELECT 1")
        await postgres.stop()
    assert "database system is shut down" in tail(state / "postgres" / "postgres.log"), "it was killed"
    assert postgres.status() == {"state": "stopped", "pid": None, "restarts": 0, "address": postgres.address}


async def test_a_taken_port_is_an_error_that_names_the_setting(state: Path, reaper: Reaper, downloads: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = Postgres(state, port=port, database="shop", reaper=reaper, downloads=downloads)
        with pytest.raises(PortTaken, match="SAMLET_POSTGRES_PORT"):
            await server.start()


async def test_a_server_that_a_killed_samlet_left_behind_is_ended_first(state: Path, downloads: Path) -> None:
    script = (
        "import asyncio, os, signal, sys; from pathlib import Path\n"
        "from samlet.processes import Reaper; from samlet.services import Postgres\n"
        "async def main():\n"
        "    reaper = Reaper()\n"
        "    state, downloads = map(Path, sys.argv[1:])\n"
        "    server = Postgres(state, port=0, database='shop', reaper=reaper, downloads=downloads)\n"
        "    await server.start()\n"
        # without its reaper nobody ends the child
        "    os.kill(reaper.pid, signal.SIGKILL)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(state), str(downloads))
    assert await killed.wait() == -signal.SIGKILL
    with Reaper() as reaper:
        server = Postgres(state, port=0, database="shop", reaper=reaper, downloads=downloads)
        await server.start()
        assert ask(server.admin_url, "SELECT 1") == [[1]]
        await server.stop()


async def test_a_lock_file_whose_number_went_to_a_stranger_is_no_obstacle(postgres: Postgres, state: Path) -> None:
    await postgres.stop()
    place = postgres._place
    assert place is not None
    lock = place.data / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{place.data}\n")
    await postgres.start()
    assert ask(postgres.admin_url, "SELECT 1") == [[1]]


async def test_a_server_that_cannot_start_is_an_error_with_the_end_of_its_log(postgres: Postgres) -> None:
    await postgres.stop()
    place = postgres._place
    assert place is not None
    (place.data / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(ServiceFailed, match="no_such_setting"):
        await postgres.start()
