"""The two tables in a department's own database, as onenet and the department agree on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    func,
    make_url,
)
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

MOST_ID, MOST_ANSWER = 255, 65_536
"""Characters that are read of a message id and of an answer; longer ones stay where they are."""

_schema = MetaData()
_Long = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")


def _time(name: str, **more: Any) -> Column[Any]:
    return Column(name, DateTime(timezone=True), **more)


_NOW: Mapping[str, Any] = {"nullable": False, "server_default": func.current_timestamp()}

TASKS = Table(
    "onenet_task",
    _schema,
    Column("task", String(40), primary_key=True),
    Column("item", String(64), nullable=False),
    Column("case_number", String(64), nullable=False),
    Column("sheet", _Long, nullable=False),
    _time("written_at", **_NOW),
    _time("taken_at"),
)
"""Tasks out. `taken_at` is the department's own: onenet neither reads nor writes it."""

ANSWERS = Table(
    "onenet_answer",
    _schema,
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), Identity(), primary_key=True),
    Column("message_id", String(MOST_ID), nullable=False),
    Column("task", String(40), nullable=False),
    Column("answer", _Long, nullable=False),
    _time("written_at", **_NOW),
    _time("read_at"),
    Column("outcome", String(32)),
    Column("reason", String(1_000)),
    Index("ix_onenet_answer_unread", "read_at", "id"),
)
"""Answers in. The last three columns are what onenet says of a row, once."""

Dialect = Literal["postgresql", "mysql", "sqlite"]
"""What the tables are told in."""


def ddl(dialect: Dialect) -> str:
    """What makes both tables, for the department's administrator of databases."""
    spoken = make_url(f"{dialect}://").get_dialect()()
    made: list[ExecutableDDLElement] = [
        CreateTable(TASKS),
        CreateTable(ANSWERS),
        *map(CreateIndex, ANSWERS.indexes),
    ]
    texts = (str(each.compile(dialect=spoken)).replace("\t", "    ") for each in made)
    lines = (line.rstrip() for text in texts for line in f"{text.strip()};".splitlines())
    return "".join(f"{line}\n" for line in lines if line)
