"""What the integration tests share: a real PostgreSQL with a database for each of them, and a real Kafka."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.engine import URL

from integration.api import Api, api_over
from integration.databases import Database, clone_of, drop_template, make_template
from integration.event_log import EventLog
from integration.scripted_smtp import ScriptedSmtp
from taskflow.kafka import ensure_topics
from taskflow.settings import KafkaSettings


@pytest.fixture(scope="session")
def database_template(postgres_server: Any) -> Iterator[tuple[Database, URL]]:
    """Migrated once per worker."""
    template, maintenance = make_template(postgres_server.admin_url)
    yield template, maintenance
    drop_template(template, maintenance)


@pytest.fixture
def database(database_template: tuple[Database, URL]) -> Iterator[Database]:
    """A fresh, migrated database."""
    with clone_of(*database_template) as database:
        yield database


@pytest.fixture
def api(database: Database) -> Iterator[Api]:
    """The HTTP functions over a database of their own."""
    with api_over(database) as api:
        yield api


@pytest.fixture
def broker(kafka: str) -> str:
    """Kafka, with the topics of the service."""
    ensure_topics(KafkaSettings((kafka,)), replication=1)
    return kafka


@pytest.fixture
def arrived(broker: str) -> Iterator[EventLog]:
    """What has come to Kafka since the test began."""
    log = EventLog(broker)
    yield log
    log.close()


@pytest.fixture
def server() -> Iterator[ScriptedSmtp]:
    """A mail server that does what a test says."""
    with ScriptedSmtp() as server:
        yield server
