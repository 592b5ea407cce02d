"""Cluster: places the tables on a Citus cluster, each once, as `distribution` says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, MetaData, text

from onenet.errors import MisconfiguredError
from onenet.store.distribution import Placing, placings
from onenet.store.migrating import connect, sync_url

_HAS_CITUS = text("SELECT count(*) FROM pg_proc WHERE proname = 'create_distributed_table'")
_PLACED = text(
    "SELECT table_name::text AS name, citus_table_type AS kind, distribution_column AS col FROM citus_tables"
)


@dataclass(frozen=True, slots=True)
class Placed:
    """How a table lies on the cluster already; `column` None for a reference table."""

    column: str | None


def distribute(url: str, metadata: MetaData, tell: Callable[[str], None]) -> None:
    """Places every table that is not placed yet, telling each step. Run again it does what is left.

    Raises: MisconfiguredError when a table breaks a rule, lies otherwise already, or there is no Citus.
    """
    wanted, parsed = placings(metadata), sync_url(url)
    if parsed.get_backend_name() != "postgresql":
        raise MisconfiguredError("SQLite is one file: only PostgreSQL with Citus spreads tables over hosts")
    with connect(parsed) as connection:
        with connection.begin():
            placed = _placed(connection)
        for placing in wanted:
            _place(connection, placing, placed, tell)


def _placed(connection: Connection) -> dict[str, Placed]:
    if not connection.scalar(_HAS_CITUS):
        raise MisconfiguredError("this database has no Citus: CREATE EXTENSION citus, on every node")
    found = connection.execute(_PLACED)
    return {row.name: Placed(None if row.kind == "reference" else row.col) for row in found}


def _place(
    connection: Connection, placing: Placing, placed: dict[str, Placed], tell: Callable[[str], None]
) -> None:
    """Places one table in a transaction of its own, so that what is done stays done."""
    where = f"by {placing.column}" if placing.column else "on every node"
    already = placed.get(placing.table)
    if already is not None and already.column != placing.column:
        lies = f"by {already.column}" if already.column else "on every node"
        raise MisconfiguredError(
            f"{placing.table} lies {lies} already, not {where}: undistribute_table first"
        )
    if already is not None:
        tell(f"{placing.table}: {where} already")
        return
    with connection.begin():
        connection.execute(text(placing.sql))
    tell(f"{placing.table}: {where}")
