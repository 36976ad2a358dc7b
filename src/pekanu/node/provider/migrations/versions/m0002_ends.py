"""When an agreement's bytes cease to be kept, so that it can be asked who shared a term."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: Bytes of a number in the ABI, and which of a quote's terms these two are.
WORD = 32
STARTS_AT, TERM = 5, 6


def upgrade() -> None:
    """Add the column, and fill it from the terms that each row keeps."""
    op.add_column(
        "agreements", sa.Column("ends_at", sa.BigInteger, nullable=False, server_default="0")
    )
    rows = sa.table(
        "agreements",
        sa.column("number", sa.Integer),
        sa.column("state", sa.Text),
        sa.column("created_at", sa.BigInteger),
        sa.column("ends_at", sa.BigInteger),
    )
    connection = op.get_bind()
    found = connection.execute(sa.select(rows.c.number, rows.c.state, rows.c.created_at)).all()
    for number, state, created_at in found:
        terms = bytes.fromhex(json.loads(state)["terms"])
        starts_at, term = (_read(terms, place) for place in (STARTS_AT, TERM))
        end = (starts_at or created_at) + term
        connection.execute(sa.update(rows).where(rows.c.number == number).values(ends_at=end))
    op.create_index("ends_of_agreements", "agreements", ["ends_at"])


def downgrade() -> None:
    """Drop the column."""
    op.drop_index("ends_of_agreements", "agreements")
    op.drop_column("agreements", "ends_at")


def _read(terms: bytes, place: int) -> int:
    return int.from_bytes(terms[WORD * place : WORD * (place + 1)], "big")
