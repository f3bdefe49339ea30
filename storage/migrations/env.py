"""Alembic runs inside a connection that is handed to it."""

from __future__ import annotations

from alembic import context

from storage.models import Entity

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Entity.metadata,
    transactional_ddl=False,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
context.run_migrations()
