"""The first tables: packs, chunks, agreements, clients."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "packs",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("live_bytes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "chunks",
        sa.Column("chunk", sa.String(72), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("pack", sa.String(32), nullable=True),
        sa.Column("place", sa.BigInteger, nullable=False),
        sa.Column("holders", sa.Integer, nullable=False),
    )
    op.create_index("chunks_of_pack", "chunks", ["pack"])
    op.create_table(
        "agreements",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("agreement_id", sa.String(64), nullable=False, unique=True),
        sa.Column("server", sa.String(42), nullable=False),
        sa.Column("client", sa.String(42), nullable=False),
        sa.Column("agent", sa.String(42), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("is_live", sa.Boolean, nullable=False),
        sa.Column("is_held", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("entries", sa.LargeBinary, nullable=False),
        sa.Column("shown", sa.LargeBinary, nullable=False),
        sa.Column("awaited_bytes", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("live_agreements", "agreements", ["is_live"])
    op.create_index("agreements_of_agent", "agreements", ["agent"])
    op.create_table(
        "clients",
        sa.Column("agent", sa.String(42), primary_key=True),
        sa.Column("server", sa.String(42), primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("clients", "agreements", "chunks", "packs"):
        op.drop_table(table)
