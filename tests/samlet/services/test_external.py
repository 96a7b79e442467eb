from pathlib import Path

import pytest

from samlet.errors import ProjectError, ServiceFailed
from samlet.services import ExternalKafka, ExternalMail, ExternalPostgres, MailSink
from samlet.services.ports import free_port
from servers import PostgresServer


async def test_a_postgres_of_the_users_is_taken_as_it_is(postgres_server: PostgresServer) -> None:
    external = ExternalPostgres(postgres_server.admin_url)
    await external.start()
    assert (external.host, external.port, external.database) == ("127.0.0.1", postgres_server.port, "tests")
    assert external.admin_url == postgres_server.admin_url
    assert external.status()["state"] == "ready"


async def test_a_kafka_of_the_users_is_reachable_when_one_server_is(kafka: str) -> None:
    external = ExternalKafka(f"127.0.0.1:{free_port()},{kafka}", tries=1)
    await external.start()
    assert external.bootstrap_servers.endswith(kafka)


async def test_a_mail_server_of_the_users_is_taken_as_it_is(tmp_path: Path) -> None:
    sink = MailSink(tmp_path, port=0)
    await sink.start()
    external = ExternalMail(sink.url)
    await external.start()
    assert external.url == sink.url
    await sink.stop()


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("smtp://mail", 25),
        ("smtp+starttls://user:password@mail", 587),
        ("smtps://mail", 465),
        ("smtp://mail:1025", 1025),
    ],
)
def test_every_scheme_of_a_mail_server_has_its_port(url: str, port: int) -> None:
    assert (ExternalMail(url).host, ExternalMail(url).port) == ("mail", port)


async def test_an_unreachable_service_is_an_error_that_names_the_setting_and_no_password() -> None:
    port = free_port()
    services = [
        ExternalPostgres(f"postgresql://admin:secret@127.0.0.1:{port}/shop", tries=1),
        ExternalKafka(f"127.0.0.1:{port}", tries=1),
        ExternalMail(f"smtp://user:secret@127.0.0.1:{port}", tries=1),
    ]
    for service in services:
        with pytest.raises(ServiceFailed, match=service.setting) as failed:
            await service.start()
        assert "secret" not in str(failed.value)


def test_an_address_that_makes_no_sense_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(ProjectError, match="DATABASE_ADMIN_URL"):
        ExternalPostgres("mysql://somewhere")
    with pytest.raises(ProjectError, match="KAFKA_BOOTSTRAP_SERVERS"):
        ExternalKafka("somewhere")
    with pytest.raises(ProjectError, match="SMTP_URL"):
        ExternalMail("http://somewhere")
