"""grants, held requests, attachments, codes that bind groups"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.models.base import UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "grant",
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("chat_key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("until", UtcTime(), nullable=True),
        sa.Column("left", sa.Integer(), nullable=True),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_grant_channel_id")),
        sa.PrimaryKeyConstraint("channel_id", "chat_key", "name", name=op.f("pk_grant")),
    )
    op.create_table(
        "media",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("community_id", sa.Integer(), nullable=False),
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("inbound_id", sa.Integer(), nullable=False),
        sa.Column("resident_id", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "kept",
                "refused",
                "failed",
                "erased",
                name="keeping",
                native_enum=False,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("mime", sa.String(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("why", sa.String(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id"], ["community.id"], name=op.f("fk_media_community_id")
        ),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_media_channel_id")),
        sa.ForeignKeyConstraint(["inbound_id"], ["inbound.id"], name=op.f("fk_media_inbound_id")),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["resident.id"], name=op.f("fk_media_resident_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
    )
    with op.batch_alter_table("media") as batch_op:
        batch_op.create_index("ix_media_due", ["state", "due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_media_inbound_id"), ["inbound_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_media_resident_id"), ["resident_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_media_reference"), ["reference"], unique=False)
    op.add_column(
        "channel", sa.Column("initiate", sa.String(), nullable=False, server_default="free")
    )
    op.add_column(
        "chat", sa.Column("post_only", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("chat", sa.Column("quota", sa.String(), nullable=True))
    op.add_column("inbound", sa.Column("held_until", UtcTime(), nullable=True))
    op.add_column("inbound", sa.Column("reply", sa.String(), nullable=True))
    op.add_column("outbound", sa.Column("held_for", sa.Integer(), nullable=True))
    op.add_column("outbound", sa.Column("fell_back", sa.String(), nullable=True))
    op.add_column(
        "outbound", sa.Column("perhaps", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_index("ix_outbound_held", "outbound", ["held_for"], unique=False)
    waiting = sa.text("status = 'waiting'")
    op.create_index(
        "ix_outbound_waiting",
        "outbound",
        ["chat_id"],
        unique=False,
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    with op.batch_alter_table("check_in") as batch_op:
        batch_op.add_column(sa.Column("by_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(op.f("fk_check_in_by_id"), "resident", ["by_id"], ["id"])
    with op.batch_alter_table("credential") as batch_op:
        batch_op.add_column(sa.Column("place_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(op.f("fk_credential_place_id"), "place", ["place_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("check_in") as batch_op:
        batch_op.drop_constraint(op.f("fk_check_in_by_id"), type_="foreignkey")
        batch_op.drop_column("by_id")
    with op.batch_alter_table("credential") as batch_op:
        batch_op.drop_constraint(op.f("fk_credential_place_id"), type_="foreignkey")
        batch_op.drop_column("place_id")
    op.drop_index("ix_outbound_held", "outbound")
    op.drop_index("ix_outbound_waiting", "outbound")
    for table, columns in (
        ("outbound", ("held_for", "fell_back", "perhaps")),
        ("inbound", ("held_until", "reply")),
        ("chat", ("post_only", "quota")),
        ("channel", ("initiate",)),
    ):
        with op.batch_alter_table(table) as batch_op:
            for column in columns:
                batch_op.drop_column(column)
    op.drop_table("media")
    op.drop_table("grant")
