"""Distribution: how the tables spread over a cluster by lane, the rules for that, and the SQL that does it.

The rules hold on every engine, so that the step to a cluster changes no code (scale.md section 5). They read
the metadata alone; `statements` refuses when one is broken. Made for Citus; only rules and SQL are tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import ForeignKeyConstraint, Index, Integer, MetaData, Table, UniqueConstraint

from onenet.errors import MisconfiguredError

LANE = "lane"
ROOT = "cases"
SHARDS = 32

BY_OWN_KEY: Mapping[str, str] = {
    "case_number": "number",
    "case_counter": "scope",
    "idempotency_key": "key",
    "consent": "subject",
    "delegation": "delegate_subject",
    "log_unsealed": "id",
    "log_tile": "number",
    "log_checkpoint": "size",
    "log_stamp": "size",
    "log_sealer": "name",
}
"""Small tables that are asked for the lane, or for a number, by those who do not know it yet."""

REFERENCE = frozenset(
    {
        *("calendar_year", "jurisdiction", "department", "bundle_version", "api_key", "endpoint"),
        *("endpoint_job", "token_revocation", "login_session", "log_key", "encryption_key"),
        "exchange_reading",
        "endpoint_health",
    }
)
"""Few rows, whole on every node."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that a table breaks; the number is that of scale.md section 5."""

    rule: int
    table: str
    what: str

    def __str__(self) -> str:
        """In a line."""
        return f"{self.table}: {self.what} (rule {self.rule})"


Rule = Callable[[Table], Iterator[Broken]]


def kind(table: Table) -> str:
    """`reference`, `own key`, or `lane` for all others: a table that nobody named has to follow the lane."""
    if table.name in REFERENCE:
        return "reference"
    return "own key" if table.name in BY_OWN_KEY else "lane"


def distribution_column(table: Table) -> str | None:
    """The column that says on which node a row lies; None where each node has it."""
    return {"reference": None, "own key": BY_OWN_KEY.get(table.name)}.get(kind(table), LANE)


def primary_key_leads_with_lane(table: Table) -> Iterator[Broken]:
    """Rule 1: the lane is the first column of the primary key, hence of every search by it."""
    columns = [column.name for column in table.primary_key.columns]
    if kind(table) == LANE and columns[:1] != [LANE]:
        yield Broken(1, table.name, f"its primary key is {columns}")


def foreign_keys_stay_on_their_node(table: Table) -> Iterator[Broken]:
    """Rules 1, 2, 4: a parent is a reference table, or lies in the same lane as its child."""
    for key in table.foreign_key_constraints:
        parent = key.referred_table
        if kind(parent) == "reference":
            continue
        if kind(table) != LANE or kind(parent) != LANE:
            yield Broken(2, table.name, f"a foreign key leads to {parent.name} on another node")
        elif (LANE, LANE) not in _pairs(key):
            yield Broken(1, table.name, f"its foreign key to {parent.name} does not carry the lane")


def _pairs(key: ForeignKeyConstraint) -> list[tuple[str, str]]:
    return [(element.parent.name, element.column.name) for element in key.elements]


def unique_within_a_node(table: Table) -> Iterator[Broken]:
    """Rule 2: what is unique carries the column that the table is spread by."""
    spread_by = distribution_column(table)
    if spread_by is None:
        return
    for rule in (*table.indexes, *table.constraints):
        unique = isinstance(rule, UniqueConstraint) or (isinstance(rule, Index) and rule.unique)
        if unique and spread_by not in _names(rule):
            yield Broken(2, table.name, f"{_names(rule)} is unique without {spread_by}")


def _names(rule: object) -> list[str]:
    return [column.name for column in getattr(rule, "columns", ())]


def own_key_is_in_the_primary_key(table: Table) -> Iterator[Broken]:
    """Rule 3: a small table is spread by a column of its own primary key."""
    spread_by = BY_OWN_KEY.get(table.name)
    if spread_by and spread_by not in [column.name for column in table.primary_key.columns]:
        yield Broken(3, table.name, f"it is spread by {spread_by}, which is not in its primary key")


def reference_tables_know_no_case(table: Table) -> Iterator[Broken]:
    """Rule 4: a table that is whole on every node has nothing of a case in it."""
    if kind(table) == "reference" and {LANE, "case_id"} & {column.name for column in table.columns}:
        yield Broken(4, table.name, "it is whole on every node, and has columns of a case")


def partial_indexes_lead_with_lane(table: Table) -> Iterator[Broken]:
    """Rule 5: what workers look for by a partial index, they look for lane by lane."""
    if kind(table) != LANE:
        return
    for index in table.indexes:
        is_partial = index.dialect_options["postgresql"].get("where") is not None
        if is_partial and _names(index)[:1] != [LANE]:
            yield Broken(5, table.name, f"the partial index on {_names(index)} does not lead with the lane")


def nothing_counts_for_all(table: Table) -> Iterator[Broken]:
    """Rule 7: no column is numbered by a sequence: it would be one place that every row has to ask."""
    key = list(table.primary_key.columns)
    for column in table.columns:
        alone = key == [column] and isinstance(column.type, Integer) and not column.foreign_keys
        by_itself = column.autoincrement is True or (alone and column.autoincrement == "auto")
        if column.identity is not None or by_itself or getattr(column.default, "is_sequence", False):
            yield Broken(7, table.name, f"{column.name} is numbered by a sequence")


def nothing_is_triggered(table: Table) -> Iterator[Broken]:
    """Rule 8: no DDL of its own hangs on a table, such as a trigger: a cluster has none."""
    if len(table.dispatch.after_create) or len(table.dispatch.before_create):
        yield Broken(8, table.name, "DDL of its own hangs on it")


RULES: tuple[Rule, ...] = (
    primary_key_leads_with_lane, foreign_keys_stay_on_their_node, unique_within_a_node,
    own_key_is_in_the_primary_key, reference_tables_know_no_case, partial_indexes_lead_with_lane,
    nothing_counts_for_all, nothing_is_triggered,
)  # fmt: skip
"""Rule 6 (no recursive SQL) is about statements: tests/test_architecture.py looks for it in the code."""


def broken_rules(metadata: MetaData) -> list[Broken]:
    """Every rule that a table breaks."""
    return [broken for table in metadata.sorted_tables for rule in RULES for broken in rule(table)]


@dataclass(frozen=True, slots=True)
class Placing:
    """How one table is placed: reference (`column` None) or spread by a column; the SQL that does it."""

    table: str
    column: str | None
    sql: str


def placings(metadata: MetaData) -> list[Placing]:
    """How each table is placed, in an order that foreign keys allow. Raises: MisconfiguredError."""
    if broken := broken_rules(metadata):
        raise MisconfiguredError(f"not to be distributed: {'; '.join(map(str, broken))}")
    tables = sorted(
        metadata.sorted_tables, key=lambda table: ("reference", "own key", LANE).index(kind(table))
    )
    return [_placing(table) for table in tables]


def _placing(table: Table) -> Placing:
    column = distribution_column(table)
    if column is None:
        return Placing(table.name, None, f"SELECT create_reference_table('{table.name}')")
    if kind(table) == "own key" or table.name == ROOT:
        with_ = f"shard_count => {SHARDS}, colocate_with => 'none'"
    else:
        with_ = f"colocate_with => '{ROOT}'"
    return Placing(
        table.name, column, f"SELECT create_distributed_table('{table.name}', '{column}', {with_})"
    )
