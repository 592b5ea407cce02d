"""Doctor: looks at an installation from outside its cases, and says in a line each what is well and what not.

A check gives `ok`, `warning` (it works, and you should know) or `finding` (something has to be done).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.clock import Clock
from onenet.errors import Unavailable
from onenet.store import catalogue, endpoints, inspection
from onenet.store.database import Database

Level = Literal["ok", "warning", "finding"]

MOST_SKEW = timedelta(seconds=2)
MOST_DELAY = timedelta(seconds=60)
"""Work that is due for longer is not being done."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What one check says. `advice`: what to do, empty when there is nothing to do."""

    check: str
    level: Level
    says: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Legal time, and that of running processes."""

    legal: Clock
    machine: Clock


Look = Callable[[Database, Clocks], Awaitable[Sequence[Remark]]]


async def look(database: Database, clocks: Clocks) -> list[Remark]:
    """What every check says; one that cannot be made is a finding of its own."""
    remarks: list[Remark] = []
    for check in CHECKS:
        try:
            remarks += await check(database, clocks)
        except Unavailable as error:
            name = check.__name__.strip("_")
            return [*remarks, Remark(name, "finding", error.detail, "see that the database runs, then again")]
    return remarks


async def _durability(database: Database, clocks: Clocks) -> list[Remark]:
    async with database.read() as connection:
        if database.backend == "sqlite":
            return list(judge_sqlite(await _pragmas(connection)))
        return list(judge_postgresql(await _shown(connection)))


async def _pragmas(connection: AsyncConnection) -> dict[str, str]:
    names = ("synchronous", "journal_mode", "foreign_keys")
    return {name: str(await connection.scalar(text(f"PRAGMA {name}"))) for name in names}


_SHOWN = ("fsync", "full_page_writes", "synchronous_commit", "synchronous_standby_names", "statement_timeout")


async def _shown(connection: AsyncConnection) -> dict[str, str]:
    return {name: str(await connection.scalar(text(f"SHOW {name}"))) for name in _SHOWN}


def judge_sqlite(pragmas: dict[str, str]) -> Iterator[Remark]:
    """What is to be said of a SQLite connection's settings."""
    if pragmas["synchronous"] not in ("2", "3"):
        yield Remark(
            "durability", "finding", f"synchronous is {pragmas['synchronous']}, not FULL (2)",
            "an answered case could be lost with the power: do not change what onenet sets",
        )  # fmt: skip
    elif pragmas["journal_mode"] != "wal":
        yield Remark(
            "durability", "finding", f"journal_mode is {pragmas['journal_mode']}, not wal",
            "put the file on a local disk: a network share knows no write-ahead log",
        )  # fmt: skip
    else:
        yield Remark("durability", "ok", "write-ahead log, synchronous FULL; losing the disk loses the data")


def judge_postgresql(shown: dict[str, str]) -> Iterator[Remark]:
    """What is to be said of a PostgreSQL server's settings."""
    for name in ("fsync", "full_page_writes"):
        if shown[name] != "on":
            yield Remark(
                "durability", "finding", f"{name} is {shown[name]}",
                f"ALTER SYSTEM SET {name} = on; without it a power cut may ruin the whole database",
            )  # fmt: skip
    if shown["statement_timeout"] == "0":
        yield Remark(
            "durability", "warning", "no statement_timeout: one statement may hold its locks for ever",
            "behind a pooler onenet cannot set it: ALTER ROLE … SET statement_timeout = '10s'",
        )  # fmt: skip
    if shown["synchronous_commit"] == "off":
        yield Remark(
            "durability", "finding", "synchronous_commit is off",
            "ALTER SYSTEM SET synchronous_commit = on; with off the last answered cases may be lost",
        )  # fmt: skip
    elif not shown["synchronous_standby_names"]:
        yield Remark(
            "durability", "warning", "no synchronous standby: a lost disk may take answered cases along",
            "name one in synchronous_standby_names, see docs/administrators.md",
        )  # fmt: skip
    elif shown["synchronous_commit"] == "local":
        yield Remark(
            "durability", "warning", "synchronous_commit is local: nobody waits for the standby",
            "ALTER SYSTEM SET synchronous_commit = on",
        )  # fmt: skip
    else:
        yield Remark("durability", "ok", f"synchronous standby {shown['synchronous_standby_names']}")


async def _clock_skew(database: Database, clocks: Clocks) -> list[Remark]:
    if database.backend == "sqlite":
        return [Remark("clock", "ok", "the database has the clock of this machine")]
    async with database.read() as connection:
        await connection.execute(text("SELECT 1"))  # the connection is open before the time is taken
        before = clocks.machine.now()
        theirs = await connection.scalar(text("SELECT clock_timestamp()"))
        return [judge_clock(theirs.astimezone(UTC), before, clocks.machine.now())]


def judge_clock(theirs: datetime, before: datetime, after: datetime) -> Remark:
    """Whether the database's time, read between two looks at ours, is near enough."""
    skew = max(before - theirs, theirs - after, timedelta(0))
    says = f"{skew.total_seconds():.1f} s between this machine and the database"
    if skew <= MOST_SKEW:
        return Remark("clock", "ok", says)
    advice = "leases end too early or too late: let both follow the same time server (NTP)"
    return Remark("clock", "finding", says, advice)


async def _departments(database: Database, clocks: Clocks) -> list[Remark]:
    async with database.read() as connection:
        known = {each.code for each in await catalogue.departments(connection)}
        registered = await endpoints.every(connection)
        due = await inspection.departments_with_due_tasks(connection, clocks.machine.now())
    reached = {endpoint.owner for endpoint in registered if endpoint.kind == "department"}
    remarks: list[Remark] = []
    for code in sorted((known | due) - reached):
        level: Level = "finding" if code in due else "warning"
        why = "tasks for it are due" if code in due else "nothing is due for it"
        advice = f"onenet department add {code} --url …"
        remarks.append(Remark("endpoints", level, f"department {code} has no endpoint; {why}", advice))
    for endpoint in registered:
        if endpoint.state == "held":
            says = f"the endpoint of {endpoint.kind} {endpoint.owner} is held"
            held_advice = "what is meant for it is held too: register its new address"
            remarks.append(Remark("endpoints", "finding", says, held_advice))
    if not remarks:
        remarks.append(Remark("endpoints", "ok", f"{len(reached)} departments have an endpoint"))
    return remarks


async def _due(database: Database, clocks: Clocks) -> list[Remark]:
    async with database.read() as connection:
        oldest = await inspection.oldest_due(connection)
    return [
        judge_due(name, due_at, (clocks.legal if name == "timer" else clocks.machine).now())
        for name, due_at in oldest.items()
    ]


def judge_due(name: str, due_at: datetime | None, now: datetime) -> Remark:
    """Whether the oldest open piece of work of a kind is waiting for a worker that is not there."""
    if due_at is None or due_at > now:
        return Remark(f"due {name}", "ok", "nothing is due" if due_at is None else "nothing is late")
    late = now - due_at
    says = f"the oldest {name} has been due for {late.total_seconds():.0f} s"
    if late <= MOST_DELAY:
        return Remark(f"due {name}", "ok", says)
    return Remark(f"due {name}", "finding", says, "is `onenet worker` running, and does its log tell errors?")


CHECKS: Sequence[Look] = (_durability, _clock_skew, _departments, _due)
