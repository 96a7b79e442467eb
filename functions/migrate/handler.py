"""`migrate`: invoked by the deploy and on start; may touch everything, and may run as often as one likes."""

import re
from collections.abc import Mapping
from typing import Any

from migrate.redrive import redrive
from migrate.roles import ROLES
from migrate.schema import prepare
from taskflow import kafka
from taskflow.database import availability, engine_for
from taskflow.logs import logger_for
from taskflow.settings import DatabaseSettings, Environment, KafkaSettings, SettingError

_STATEMENT_SECONDS = 120.0  # the longest that one statement of a migration, or the wait for another one, may take
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")

log = logger_for("migrate")


@log.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], _context: Any) -> dict[str, Any]:
    """Database first, then topics; gives the schema's revision and the topics that it made. Or a redrive alone."""
    environment = Environment()
    if "redrive" in event:
        return redrive_events(environment, event["redrive"])
    revision = prepare_database(environment)
    log.info("database ready", revision=revision)
    topics = prepare_topics(environment)
    log.info("topics ready", topics=topics)
    return {"revision": revision, "topics": topics}


def prepare_database(environment: Environment) -> str:
    """Roles with the passwords of the settings, schema, grants."""
    name = environment.text("DATABASE_NAME")
    if not _NAME.fullmatch(name):
        raise SettingError("DATABASE_NAME", "must be a plain name in lower case")
    passwords = {function: environment.text(f"DATABASE_PASSWORD_{function.upper()}") for function in ROLES}
    engine = engine_for(DatabaseSettings.read_admin(environment, timeout=_STATEMENT_SECONDS))
    try:
        with availability(engine):
            return prepare(engine, name, passwords)
    finally:
        engine.dispose()


def redrive_events(environment: Environment, wanted: object) -> dict[str, Any]:
    """Dead events on their way again."""
    engine = engine_for(DatabaseSettings.read_admin(environment, timeout=_STATEMENT_SECONDS))
    try:
        done = redrive(engine, wanted)
    finally:
        engine.dispose()
    log.info("redriven", **done)
    return done


def prepare_topics(environment: Environment) -> list[str]:
    """Topics that are missing; those that exist stay as they are."""
    replication = environment.whole("KAFKA_REPLICATION", 3)
    return kafka.ensure_topics(KafkaSettings.read(environment), replication=replication)
