"""leases; on PostgreSQL every number gets 64 bits"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.models.base import UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NARROW = """
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = current_schema() AND data_type = 'integer'
"""
COUNTERS = """
    SELECT sequence_name FROM information_schema.sequences
    WHERE sequence_schema = current_schema() AND data_type = 'integer'
"""


def upgrade() -> None:
    op.create_table(
        "lease",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("until", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    for table, column in connection.execute(sa.text(NARROW)).all():
        op.alter_column(table, column, type_=sa.BigInteger())
    # A serial column's counter keeps 32 bits of its own.
    for (counter,) in connection.execute(sa.text(COUNTERS)).all():
        op.execute(f'ALTER SEQUENCE "{counter}" AS bigint')


def downgrade() -> None:
    op.drop_table("lease")
