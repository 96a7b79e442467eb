"""${message}"""

from alembic import op

revision = "${up_revision}"
down_revision = "${down_revision}"
# contract = "the revision that stopped using what is taken away here"


def upgrade() -> None:
    """Forward only: a change is expanded first and contracted in a later release."""
    op.execute("")
