"""indexes: what is asked often is found without going through a table that grows; a conversation's
number is never given twice, since old buttons carry it"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_resident_role", "resident", ["community_id", "role"])
    op.create_index("ix_identity_named", "identity", ["community_id", "external_id"])
    op.drop_index("ix_chat_community_id", "chat")
    op.create_index("ix_chat_of", "chat", ["community_id", "resident_id"])
    op.create_index("ix_chat_named", "chat", ["community_id", "external_id"])
    op.create_index("ix_question_outbound", "question", ["outbound_id"])
    op.create_index(
        "ix_question_of",
        "question",
        ["resident_id", "about"],
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(
        "ix_outbound_about",
        "outbound",
        ["about"],
        sqlite_where=sa.text("about IS NOT NULL"),
        postgresql_where=sa.text("about IS NOT NULL"),
    )

    unhandled: dict[str, Any] = {
        "sqlite_where": sa.text("handled_at IS NULL"),
        "postgresql_where": sa.text("handled_at IS NULL"),
    }
    op.drop_index("ix_inbound_waiting", "inbound")
    op.create_index("ix_inbound_waiting", "inbound", ["community_id", "id"], **unhandled)
    op.create_index("ix_inbound_oldest", "inbound", ["id"], **unhandled)
    if op.get_bind().dialect.name == "sqlite":  # PostgreSQL's counters never go back
        with op.batch_alter_table(
            "conversation", recreate="always", table_kwargs={"sqlite_autoincrement": True}
        ):
            pass


def downgrade() -> None:
    op.drop_index("ix_inbound_oldest", "inbound")
    op.drop_index("ix_inbound_waiting", "inbound")
    op.create_index("ix_inbound_waiting", "inbound", ["handled_at", "id"])
    op.drop_index("ix_outbound_about", "outbound")
    op.drop_index("ix_question_of", "question")
    op.drop_index("ix_question_outbound", "question")
    op.drop_index("ix_chat_named", "chat")
    op.drop_index("ix_chat_of", "chat")
    op.create_index("ix_chat_community_id", "chat", ["community_id"])
    op.drop_index("ix_identity_named", "identity")
    op.drop_index("ix_resident_role", "resident")
