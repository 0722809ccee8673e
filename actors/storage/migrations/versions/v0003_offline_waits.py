"""Messages kept for clients that come are marked as waiting, as those in archives are."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("UPDATE entry SET waiting = true WHERE store IN (SELECT id FROM store WHERE name = 'offline')")
