"""What the integration tests share: a real PostgreSQL, and a database of their own for each of them."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.engine import URL

from integration.api import Api, api_over
from integration.databases import Database, clone_of, drop_template, make_template


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
