"""Distribution: each rule refuses a table that breaks it; the SQL places every table once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
    text,
)

from onenet.errors import MisconfiguredError
from onenet.store import cluster, distribution, tables
from onenet.store.migrating import sync_url


def lane() -> Column[Any]:
    return Column("lane", SmallInteger, nullable=False)


def plain(metadata: MetaData, name: str, *more: Any) -> Table:
    """A table that keeps all rules but for what is added."""
    return Table(
        name, metadata, lane(), Column("id", String(10), nullable=False), PrimaryKeyConstraint("lane", "id"),
        *more,
    )  # fmt: skip


def key_without_lane(metadata: MetaData) -> None:
    Table("letter", metadata, lane(), Column("id", String(10), primary_key=True))


def key_with_lane_at_its_end(metadata: MetaData) -> None:
    Table("letter", metadata, Column("id", String(10)), lane(), PrimaryKeyConstraint("id", "lane"))


def nobody_named_it(metadata: MetaData) -> None:
    Table("letter", metadata, Column("code", String(10), primary_key=True))


def foreign_key_without_lane(metadata: MetaData) -> None:
    parent = plain(metadata, "letter")
    parent.append_constraint(UniqueConstraint("lane", "id", name="uq"))
    parent.append_column(Column("other", SmallInteger))
    child = (Column("letter_id", String(10)), Column("letter_lane", SmallInteger))
    plain(
        metadata, "page", *child,
        ForeignKeyConstraint(["letter_lane", "letter_id"], ["letter.lane", "letter.id"]),
    )  # fmt: skip


def foreign_key_to_a_small_table(metadata: MetaData) -> None:
    Table("case_number", metadata, Column("number", String(10), primary_key=True))
    plain(
        metadata,
        "letter",
        Column("number", String(10)),
        ForeignKeyConstraint(["number"], ["case_number.number"]),
    )


def foreign_key_from_a_reference_table(metadata: MetaData) -> None:
    plain(metadata, "letter")
    columns = (
        Column("code", String(10), primary_key=True),
        Column("l", SmallInteger),
        Column("i", String(10)),
    )
    key = ForeignKeyConstraint(["l", "i"], ["letter.lane", "letter.id"])
    Table("department", metadata, *columns, key)


def unique_across_lanes(metadata: MetaData) -> None:
    plain(metadata, "letter", UniqueConstraint("id"))


def unique_index_across_lanes(metadata: MetaData) -> None:
    plain(metadata, "letter", Index("uq_letter", "id", unique=True))


def unique_across_keys(metadata: MetaData) -> None:
    Table(
        "case_number", metadata, Column("number", String(10), primary_key=True), Column("x", String(1)),
        UniqueConstraint("x"),
    )  # fmt: skip


def spread_by_what_is_not_its_key(metadata: MetaData) -> None:
    Table(
        "case_number",
        metadata,
        Column("organisation", String(10), primary_key=True),
        Column("number", String(1)),
    )


def reference_table_with_a_lane(metadata: MetaData) -> None:
    Table("endpoint", metadata, Column("id", String(10), primary_key=True), lane())


def partial_index_without_lane(metadata: MetaData) -> None:
    plain(metadata, "letter", Index("ix_letter", "id", postgresql_where=text("id IS NOT NULL")))


def numbered_by_identity(metadata: MetaData) -> None:
    plain(metadata, "letter", Column("serial", Integer, Identity()))


def numbered_by_itself(metadata: MetaData) -> None:
    Table("endpoint", metadata, Column("id", Integer, primary_key=True))


def with_a_trigger(metadata: MetaData) -> None:
    table = plain(metadata, "letter")
    event.listen(table, "after_create", lambda *told, **more: None)


BAD: dict[Callable[[MetaData], None], int] = {
    key_without_lane: 1,
    key_with_lane_at_its_end: 1,
    nobody_named_it: 1,
    foreign_key_without_lane: 1,
    foreign_key_to_a_small_table: 2,
    foreign_key_from_a_reference_table: 2,
    unique_across_lanes: 2,
    unique_index_across_lanes: 2,
    unique_across_keys: 2,
    spread_by_what_is_not_its_key: 3,
    reference_table_with_a_lane: 4,
    partial_index_without_lane: 5,
    numbered_by_identity: 7,
    numbered_by_itself: 7,
    with_a_trigger: 8,
}


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_a_table_that_breaks_a_rule_is_refused_and_named(make: Callable[[MetaData], None]) -> None:
    metadata = MetaData()
    make(metadata)
    assert {broken.rule for broken in distribution.broken_rules(metadata)} == {BAD[make]}
    with pytest.raises(MisconfiguredError, match=rf"rule {BAD[make]}"):
        distribution.placings(metadata)


def test_each_rule_over_tables_has_a_table_that_breaks_it() -> None:
    assert set(BAD.values()) == {1, 2, 3, 4, 5, 7, 8}


def test_a_table_that_keeps_the_rules_is_taken() -> None:
    metadata = MetaData()
    plain(metadata, "letter", Index("ix_letter", "lane", "id", postgresql_where=text("true")))
    (placing,) = distribution.placings(metadata)
    assert placing.sql == "SELECT create_distributed_table('letter', 'lane', colocate_with => 'cases')"


def test_every_table_is_placed_parents_before_children() -> None:
    order = [placing.table for placing in distribution.placings(tables.metadata)]
    assert sorted(order) == sorted(tables.metadata.tables)
    for table in tables.metadata.sorted_tables:
        for key in table.foreign_key_constraints:
            assert order.index(key.referred_table.name) < order.index(table.name)


# ---- the command, with stand-ins for the functions of Citus: that Citus takes the calls is not shown here


STAND_INS = """
CREATE TABLE placed (name text PRIMARY KEY, kind text, col text);
CREATE VIEW citus_tables AS
    SELECT name AS table_name, kind AS citus_table_type, col AS distribution_column FROM placed;
CREATE FUNCTION create_reference_table(name text) RETURNS void LANGUAGE sql AS
    $$ INSERT INTO placed VALUES (name, 'reference', NULL) $$;
CREATE FUNCTION create_distributed_table(name text, col text, shard_count int DEFAULT 0,
    colocate_with text DEFAULT 'default') RETURNS void LANGUAGE sql AS
    $$ INSERT INTO placed VALUES (name, 'distributed', col) $$;
"""

on_postgresql = pytest.mark.parametrize(
    "backend", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@contextmanager
def with_stand_ins(url: str, *more: str) -> Iterator[None]:
    engine = create_engine(sync_url(url))
    with engine.begin() as connection:
        for statement in (STAND_INS, *more):
            connection.exec_driver_sql(statement)
    engine.dispose()
    yield


@on_postgresql
def test_it_places_every_table_once_however_often_it_runs(database_url: str) -> None:
    said: list[str] = []
    with with_stand_ins(database_url):
        cluster.distribute(database_url, tables.metadata, said.append)
        first, again = list(said), len(said)
        cluster.distribute(database_url, tables.metadata, said.append)
    assert len(first) == len(tables.metadata.tables)
    assert "task: by lane" in first
    assert "department: on every node" in first
    assert all(line.endswith(" already") for line in said[again:])


@on_postgresql
def test_it_goes_on_where_it_was_cut_off(database_url: str) -> None:
    said: list[str] = []
    with with_stand_ins(database_url, "INSERT INTO placed VALUES ('cases', 'distributed', 'lane')"):
        cluster.distribute(database_url, tables.metadata, said.append)
    assert "cases: by lane already" in said
    assert "task: by lane" in said


@on_postgresql
def test_a_table_that_lies_otherwise_is_refused(database_url: str) -> None:
    other = "INSERT INTO placed VALUES ('cases', 'distributed', 'id')"
    with with_stand_ins(database_url, other), pytest.raises(MisconfiguredError, match="by id already"):
        cluster.distribute(database_url, tables.metadata, lambda line: None)


def test_without_citus_it_says_so(database_url: str) -> None:
    with pytest.raises(MisconfiguredError, match=r"SQLite is one file|has no Citus"):
        cluster.distribute(database_url, tables.metadata, lambda line: None)
