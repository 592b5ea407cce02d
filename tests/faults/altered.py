"""onenet with one thing altered, as a process of its own: `python -m tests.faults.altered NAME[,NAME] serve`.

Two kinds. *Circumstances* that cannot be had otherwise without a tool: another time, less patience. *Mutants*
for the negative controls: a protection taken out, so that the scenario has to fail. Names take `=value`.

Every `type: ignore` here stands where a name of the product is given another meaning, which is the point.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import event

from onenet import bootstrap, clock
from onenet.adapters import transport, wire
from onenet.cli import main
from onenet.domain import breaker, retry
from onenet.encryption import KeyRing
from onenet.services import advance, batch, hands, health
from onenet.services import clock as services_clock
from onenet.services.clock import MachineTime
from onenet.store import database, durability
from onenet.store import health as store_health
from onenet.store.health import Health
from tests.faults.mutants import MUTANTS

# Circumstances


def own_time(file: str) -> None:
    """This process's clock is as many seconds ahead as the file says; it may change while the process runs.

    `clock.py` is the only reader of the time (a house rule holds that), so this is the whole process's clock.
    The clock that nobody can set goes on as it is, as it does when a machine's time is set.
    """

    class Shifted:
        @staticmethod
        def now(zone: tzinfo | None = None) -> datetime:
            return datetime.now(zone) + timedelta(seconds=float(Path(file).read_text()))

    clock.datetime = Shifted  # type: ignore[assignment, attr-defined]


def measured_every(seconds: str) -> None:
    """The database's time is measured so often."""
    services_clock.EVERY_S = float(seconds)


def hurried(seconds: str) -> None:
    """Calls to departments end after so many seconds instead of 15."""
    transport.Limits = partial(transport.Limits, total_s=float(seconds))  # type: ignore[assignment, misc]


def hasty() -> None:
    """A call that failed is made again after 1, 2, 4, 8 ... s instead of 5 s, 5 min, 30 min ...

    Who fails is left alone for a second at first, and never for more than two.
    """
    breaker.FIRST_OPEN, breaker.LONGEST_OPEN = timedelta(seconds=1), timedelta(seconds=2)
    retry.SCHEDULE_S = (0, *(2**number for number in range(len(retry.SCHEDULE_S) - 1)))


def impatient(seconds: str) -> None:
    """Nobody waits longer than that for a connection, a lock or a commit."""
    database.POOL_TIMEOUT_S = advance.PATIENCE_S = float(seconds)
    database.ALWAYS["lock_timeout"] = int(float(seconds) * 1_000)
    database.BUSY_TIMEOUT_S = int(float(seconds))


# Mutants


def own_clock() -> None:
    """Leases by the process's own clock."""

    async def machine_time(database: Any) -> MachineTime:
        kept = MachineTime(database, clock.SteadyClock(datetime.now().astimezone()), clock.SystemClock())
        kept.clock = clock.SystemClock()  # type: ignore[assignment]

        async def measure() -> None: ...

        kept.measure = measure  # type: ignore[method-assign]
        return kept

    bootstrap.machine_time = machine_time  # type: ignore[attr-defined]


def no_memory() -> None:
    """Nothing is remembered under keys: neither of requests nor of callbacks."""
    batch.Batch._note_done = lambda self, change, answer: None  # type: ignore[method-assign]


def no_retry() -> None:
    """What lost a race is not repeated."""
    advance.MOST_RETRIES = 0


def no_sync() -> None:
    """SQLite confirms before it is on disk, and nobody looks."""

    async def check(database: Any) -> None: ...

    prepare = database._prepare_sqlite

    def prepared(engine: Any, begin: str | None) -> None:
        prepare(engine, begin)

        def on_connect(connection: Any, record: Any) -> None:
            connection.execute("PRAGMA synchronous=OFF")

        event.listen(engine.sync_engine, "connect", on_connect)

    database._prepare_sqlite = prepared
    durability.check = check


def unsealed() -> None:
    """Cases have no data key, as before there was encryption."""
    KeyRing.new_data_key = lambda self: (None, None)  # type: ignore[method-assign, assignment, return-value]


def greedy() -> None:
    """Reads whatever a department sends, to its end."""
    transport.Limits = partial(transport.Limits, answer_bytes=1 << 40)  # type: ignore[assignment, misc]
    wire._MOST_RAW = 1 << 40


def no_bulkhead() -> None:
    """One department may hold every hand of a worker."""
    begin = hands.Hands.__init__

    def wide(self: hands.Hands, changed: Any, most: int = 64, most_for_one: int = 64) -> None:
        begin(self, changed, 64, 64)

    hands.Hands.__init__ = wide  # type: ignore[method-assign]  # the accident


def no_breaker() -> None:
    """Nobody counts what fails: everybody is called for ever."""
    health.Breakers.note = lambda self, claimed, attempt: None  # type: ignore[method-assign]  # the accident


def many_probes() -> None:
    """Whoever wants to probe does: nobody sees that somebody else is at it, or was quicker."""
    every, write = store_health.every, store_health.write

    async def seen(connection: Any) -> dict[UUID, Health]:
        found = await every(connection)
        return {id: replace(row, probe_until=None) for id, row in found.items()}

    async def write_over(connection: Any, row: Health) -> bool:
        await store_health.forget(connection, row.endpoint_id)
        return await write(connection, replace(row, version=0))

    def whoever(self: health.Breakers, heard: Any, now: datetime) -> Health:
        if heard.probe and (known := self._known.get(heard.endpoint.id)):
            heard.probe = (known.probe_token, heard.probe[1])
        return after(self, heard, now)

    after = health.Breakers._after
    health.Breakers._after = whoever  # type: ignore[method-assign]  # the accident
    store_health.every = seen
    store_health.write = write_over  # type: ignore[assignment]  # the accident


ALTERATIONS: dict[str, Callable[..., None]] = MUTANTS | {
    each.__name__: each
    for each in (
        own_time, measured_every, hurried, hasty, impatient, own_clock, no_memory, no_retry, no_sync, greedy,
        no_bulkhead, unsealed, no_breaker, many_probes,
    )
}  # fmt: skip


if __name__ == "__main__":
    for word in sys.argv.pop(1).split(","):
        name, _, value = word.partition("=")
        ALTERATIONS[name](*([value] if value else []))
    main()
