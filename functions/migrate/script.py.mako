"""${message}"""

from alembic import op

revision = "${up_revision}"
down_revision = "${down_revision}"


def upgrade() -> None:
    """Forward only: a change is expanded first and contracted in a later release."""
    op.execute("")
