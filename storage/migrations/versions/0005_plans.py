"""indexes: the crowd by id, what was said about a thing, as a town grows"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_resident_everybody", "resident", ["community_id", "id"])
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


def downgrade() -> None:
    op.drop_index("ix_outbound_about", "outbound")
    op.drop_index("ix_question_of", "question")
    op.drop_index("ix_resident_everybody", "resident")
