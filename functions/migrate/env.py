"""What Alembic runs: over the connection that `migrate` holds, or, at a prompt, over DATABASE_ADMIN_URL."""

from alembic import context
from sqlalchemy import Connection, create_engine

from taskflow.database import url_with_password
from taskflow.settings import Environment
from taskflow.tables import Table


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Table.metadata, compare_server_default=False)
    with context.begin_transaction():
        context.run_migrations()


held: Connection | None = context.config.attributes.get("connection")
if held is not None:
    _run(held)
else:
    with create_engine(url_with_password(Environment().text("DATABASE_ADMIN_URL"), None)).begin() as own:
        _run(own)
