"""Real handshakes: PostgreSQL, Kafka and mail servers with certificates of an authority that the test made.

The system's authorities are those of SSL_CERT_FILE, which OpenSSL itself reads.
"""

import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from integration.event_log import EventLog
from integration.secure_servers import HOST, PASSWORD, USER, Authority, Mailbox, SecureKafka, authority, demand_tls
from mail_sender.errors import ServerUnusable
from mail_sender.smtp_url import parse_smtp_url
from mail_sender.transport import SmtpTransport
from samlet.processes import Reaper
from samlet.services import ports, reset
from servers import PostgresServer, shared_server
from taskflow.database import engine_for, transaction, url_with_password
from taskflow.events import TOPIC
from taskflow.kafka import KafkaPublisher, ensure_topics
from taskflow.outage import DatabaseUnavailable
from taskflow.records import BrokerUnavailable, Record
from taskflow.settings import DatabaseSettings, Environment, KafkaSettings, SettingError
from waiting import eventually

OTHER_NAME = "localhost"  # the same server under a name that its certificate does not have

pytestmark = pytest.mark.xdist_group("tls")


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs the certificates of all servers in here."""
    return authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("strangers"))


@pytest.fixture
def trusting_us(monkeypatch: pytest.MonkeyPatch, ours: Authority) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ours.file))


@pytest.fixture
def trusting_strangers(monkeypatch: pytest.MonkeyPatch, strangers: Authority) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(strangers.file))


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secure_postgres(tmp_path_factory: pytest.TempPathFactory, ours: Authority) -> Iterator[PostgresServer]:
    """A server that takes nobody without TLS, as RDS does with `rds.force_ssl`."""
    with shared_server("postgres", tmp_path_factory.mktemp("secure") / "postgres") as facts:
        server = PostgresServer(**facts)
        engine = engine_for(DatabaseSettings(server.admin_url, None, tls=False))
        with transaction(engine) as session:
            data = Path(str(session.execute(text("SHOW data_directory")).scalar_one()))
        engine.dispose()
        demand_tls(data, ours.certificate())
        eventually(lambda: _opens(server, ours))
        yield server


def _opens(server: PostgresServer, signer: Authority) -> bool:
    try:
        return encrypted(settings_for(server, DATABASE_CA_FILE=str(signer.file)))
    except DatabaseUnavailable:
        return False


def settings_for(server: PostgresServer, *, host: str = HOST, **variables: str) -> DatabaseSettings:
    """As a function reads them, with DATABASE_TLS left to its default."""
    url = url_with_password(server.admin_url, None).set(drivername="postgresql", host=host)
    password = str(url.password)
    address = url.set(password=None).render_as_string()
    return DatabaseSettings.read(
        Environment({"DATABASE_URL": address, "DATABASE_PASSWORD": password} | variables), timeout=5
    )


def encrypted(settings: DatabaseSettings) -> bool:
    """Whether the server says that it talks TLS with us."""
    engine = engine_for(settings)
    try:
        with transaction(engine) as session:
            return bool(session.execute(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).scalar_one())
    finally:
        engine.dispose()


def test_a_database_is_verified_by_the_authorities_of_a_file(secure_postgres: PostgresServer, ours: Authority) -> None:
    assert encrypted(settings_for(secure_postgres, DATABASE_CA_FILE=str(ours.file)))


def test_a_database_is_verified_by_the_systems_authorities(secure_postgres: PostgresServer, trusting_us: None) -> None:
    assert encrypted(settings_for(secure_postgres))


def test_the_file_adds_to_the_systems_authorities(
    secure_postgres: PostgresServer, trusting_us: None, strangers: Authority
) -> None:
    assert encrypted(settings_for(secure_postgres, DATABASE_CA_FILE=str(strangers.file)))


@pytest.mark.parametrize("host", [HOST, OTHER_NAME], ids=["signed by a stranger", "under another name"])
def test_a_database_with_a_wrong_certificate_is_refused(
    secure_postgres: PostgresServer, ours: Authority, strangers: Authority, host: str
) -> None:
    trusted = strangers if host == HOST else ours
    with pytest.raises(DatabaseUnavailable, match="SSLCertVerificationError"):
        encrypted(settings_for(secure_postgres, host=host, DATABASE_CA_FILE=str(trusted.file)))


def test_a_database_without_tls_is_refused(postgres_server: PostgresServer, trusting_us: None) -> None:
    with pytest.raises(DatabaseUnavailable) as refused:
        encrypted(settings_for(postgres_server))
    assert "Server refuses SSL" in str(refused.value.__cause__)


def test_with_tls_off_nothing_is_encrypted_and_a_database_may_refuse_that(
    secure_postgres: PostgresServer, postgres_server: PostgresServer
) -> None:
    assert not encrypted(settings_for(postgres_server, DATABASE_TLS="off"))
    with pytest.raises(DBAPIError, match="no encryption"):
        encrypted(settings_for(secure_postgres, DATABASE_TLS="off"))


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_authorities_is_named_by_its_setting(
    postgres_server: PostgresServer, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingError, match="DATABASE_CA_FILE"):
        engine_for(settings_for(postgres_server, DATABASE_CA_FILE=str(file)))


# --- mail -------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["smtp+starttls", "smtps"])
def mail_server(request: pytest.FixtureRequest, ours: Authority) -> Iterator[tuple[str, int, Mailbox]]:
    """A server that lets nobody log in before the handshake: scheme, port, and what it was told."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.certificate().configure_cert(context)
    mailbox = Mailbox()
    # aiosmtpd sees the handshake only where it is STARTTLS's; on the other port there is nothing before it.
    security: dict[str, Any] = {"tls_context": context, "auth_required": True}
    if request.param == "smtps":
        security = {"ssl_context": context, "auth_require_tls": False}
    controller = Controller(mailbox, hostname=HOST, port=ports.free_port(), authenticator=mailbox.login, **security)
    controller.start()
    yield request.param, controller.port, mailbox
    controller.stop()


def send_mail(scheme: str, host: str, port: int) -> None:
    server = parse_smtp_url(f"{scheme}://{USER}:{PASSWORD.replace(' ', '%20')}@{host}:{port}")
    transport = SmtpTransport(server, remaining=lambda: 20)
    try:
        transport.open_envelope("digest@taskflow.example", "anna@example.com")
        transport.deliver(b"Subject: tasks\r\n\r\nBuy milk\r\n")
    finally:
        transport.close()


def test_a_mail_goes_out_encrypted_after_a_login(mail_server: tuple[str, int, Mailbox], trusting_us: None) -> None:
    scheme, port, mailbox = mail_server
    send_mail(scheme, HOST, port)
    assert mailbox.logins == [PASSWORD.encode()]
    assert len(mailbox.mails) == 1


def test_a_mail_server_signed_by_a_stranger_gets_no_password(
    mail_server: tuple[str, int, Mailbox], trusting_strangers: None
) -> None:
    scheme, port, mailbox = mail_server
    with pytest.raises(ServerUnusable, match="connect: SSLCertVerificationError"):
        send_mail(scheme, HOST, port)
    assert mailbox == Mailbox()


def test_a_mail_server_under_another_name_gets_no_password(
    mail_server: tuple[str, int, Mailbox], trusting_us: None
) -> None:
    scheme, port, mailbox = mail_server
    with pytest.raises(ServerUnusable, match="connect: SSLCertVerificationError"):
        send_mail(scheme, OTHER_NAME, port)
    assert mailbox == Mailbox()


def test_a_mail_server_that_offers_no_tls_gets_no_password() -> None:
    mailbox = Mailbox()
    controller = Controller(
        mailbox, hostname=HOST, port=ports.free_port(), authenticator=mailbox.login, auth_require_tls=False
    )
    controller.start()
    try:
        with pytest.raises(ServerUnusable, match="connect: SMTPNotSupportedError"):
            send_mail("smtp+starttls", HOST, controller.port)
    finally:
        controller.stop()
    assert mailbox == Mailbox()


# --- Kafka ------------------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secure_kafka(
    tmp_path_factory: pytest.TempPathFactory, ours: Authority, downloads: Path
) -> AsyncIterator[SecureKafka]:
    state = tmp_path_factory.mktemp("secure-kafka")
    with Reaper() as reaper:
        server = SecureKafka(state, certificate=ours.certificate(), reaper=reaper, downloads=downloads)
        await server.start()
        yield server
        await server.stop()
        reset(state)


def kafka_settings(server: SecureKafka, *, host: str = HOST, password: str = PASSWORD) -> KafkaSettings:
    return KafkaSettings((f"{host}:{server.secure_port}",), USER, password)


def test_events_go_out_encrypted_by_a_user_with_a_password(secure_kafka: SecureKafka, trusting_us: None) -> None:
    settings = kafka_settings(secure_kafka)
    ensure_topics(settings, replication=1)
    log, key = EventLog(secure_kafka.bootstrap_servers), str(uuid4())
    publisher = KafkaPublisher(settings)
    try:
        publisher.connect()
        assert publisher.send([Record(TOPIC, key, b"{}", {"ce_id": str(uuid4())})], timeout=5) == [None]
        assert [record.value for record in log.read({key})] == [b"{}"]
    finally:
        publisher.close()
        log.close()


def refuses(settings: KafkaSettings) -> None:
    publisher = KafkaPublisher(settings)
    with pytest.raises(BrokerUnavailable):
        publisher.connect()


def test_a_broker_signed_by_a_stranger_is_refused(secure_kafka: SecureKafka, trusting_strangers: None) -> None:
    refuses(kafka_settings(secure_kafka))


def test_a_broker_under_another_name_is_refused(secure_kafka: SecureKafka, trusting_us: None) -> None:
    refuses(kafka_settings(secure_kafka, host=OTHER_NAME))


def test_a_broker_refuses_a_wrong_password_and_a_plain_client(secure_kafka: SecureKafka, trusting_us: None) -> None:
    refuses(kafka_settings(secure_kafka, password="wrong"))
    refuses(KafkaSettings((f"{HOST}:{secure_kafka.secure_port}",)))
