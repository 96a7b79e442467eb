"""Which services a project gets where they are somebody else's, and what is known of them."""

from pathlib import Path

import pytest

from samlet.emulator.project_services import ProjectServices
from samlet.errors import ProjectError
from samlet.processes import Reaper
from samlet.project import PostgresWanted, Project
from samlet.services import Mailpit, MailSink
from samlet.settings import PORTS, Settings

PROJECT = Project(Path("/nowhere/template.yaml"), postgres=PostgresWanted("shop"), mail=True)
URL = "postgresql://admin@db:5432/shop"


def project_services(folder: Path, **given: object) -> ProjectServices:
    settings = Settings(ports=dict.fromkeys(PORTS, 0), **given)  # type: ignore[arg-type]
    return ProjectServices(PROJECT, settings, folder, Reaper())


def test_the_administrators_password_comes_from_its_file_and_is_shown_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("a/b@c d\n")
    found = project_services(tmp_path, database_admin_url=URL, database_admin_password_file=file)
    assert found.facts()["postgres.admin_url"] == "postgresql://admin:a%2Fb%40c%20d@db:5432/shop"
    assert "a/b" not in str(found.addresses()) + str(found.status())
    assert "a%2Fb" not in str(found.addresses()) + str(found.status())


@pytest.mark.parametrize("url", ["postgresql://admin:secret@db/shop", "postgresql://db/shop"])
def test_a_password_in_two_places_or_of_nobody_is_refused_without_telling_it(tmp_path: Path, url: str) -> None:
    (tmp_path / "password").write_text("another")
    with pytest.raises(ProjectError, match="must name a user and no password") as refused:
        project_services(tmp_path, database_admin_url=url, database_admin_password_file=tmp_path / "password")
    assert "secret" not in str(refused.value)


def test_a_password_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=str(tmp_path / "password")):
        project_services(tmp_path, database_admin_url=URL, database_admin_password_file=tmp_path / "password")


@pytest.mark.parametrize(
    ("smtp", "mailpit", "kind"),
    [
        (None, None, MailSink),
        ("smtp://mailpit:1025", "http://mailpit:8025", Mailpit),
        ("smtp://somewhere", None, type(None)),
        # Our own sink is what gets the mails then, wherever a Mailpit may be.
        (None, "http://mailpit:8025", MailSink),
    ],
)
def test_mails_are_read_where_they_were_sent(
    tmp_path: Path, smtp: str | None, mailpit: str | None, kind: type[object]
) -> None:
    assert type(project_services(tmp_path, smtp_url=smtp, mailpit_url=mailpit).mails) is kind
