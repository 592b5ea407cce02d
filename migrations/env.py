"""Alembic's entry: runs the migrations on the database that ONENET_DATABASE_URL names.

`onenet db upgrade` and plain `alembic upgrade head` both come here. Each migration is its own transaction;
on SQLite foreign keys stay off while tables are rebuilt.
"""

from __future__ import annotations

from typing import Literal

from alembic import context
from sqlalchemy import Connection

from onenet.settings import read_settings
from onenet.store.migrating import connect, sync_url
from onenet.store.tables import Timestamp, metadata


def plain_type(kind: str, value: object, context: object) -> str | Literal[False]:
    """Writes our own column types as what they are in SQL, so that a migration needs no code of today."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(value, Timestamp) else False


def run(connection: Connection) -> None:
    """Runs what was asked for on an open connection."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        transaction_per_migration=True,
        compare_type=True,
        render_item=plain_type,
        on_version_apply=context.config.attributes.get("on_version_apply"),
    )
    with context.begin_transaction():
        context.run_migrations()


def run_offline() -> None:
    """Prints the SQL instead of running it (`--sql`)."""
    url = sync_url(read_settings().resolved_database_url())
    context.configure(url=url, target_metadata=metadata, literal_binds=True, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    run_offline()
elif (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    with connect(sync_url(read_settings().resolved_database_url())) as opened:
        run(opened)
