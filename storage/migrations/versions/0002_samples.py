"""samples for the ear"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.models.base import UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sample",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("community_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("intent", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column(
            "source",
            sa.Enum(
                "clarified", "undone", "corrected", name="source", native_enum=False, length=20
            ),
            nullable=False,
        ),
        sa.Column("at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.id"], name=op.f("fk_sample_community_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sample")),
    )
    with op.batch_alter_table("sample", schema=None) as batch_op:
        batch_op.create_index("ix_sample_community", ["community_id", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("sample", schema=None) as batch_op:
        batch_op.drop_index("ix_sample_community")

    op.drop_table("sample")
