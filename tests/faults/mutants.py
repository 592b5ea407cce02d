"""Mutants: onenet broken on purpose in one place, to see that the scenarios would notice.

`altered` runs a process of it. A mutant that misses what it breaks fails at once, so that a control cannot
pass by doing nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

LATE_S = 0.4
"""How long after the answer a mutant commits."""


def answer_before_commit() -> None:
    """Says that it is done, and commits a moment later."""
    from onenet.store.database import Database

    honest, late = Database.transaction, set[asyncio.Task[Any]]()

    @asynccontextmanager
    async def transaction(self: Database) -> AsyncIterator[Any]:
        block = honest(self)
        yield await block.__aenter__()
        task = asyncio.create_task(_end_late(block))
        late.add(task)
        task.add_done_callback(late.discard)

    _replace(Database, "transaction", transaction)


async def _end_late(block: Any) -> None:
    await asyncio.sleep(LATE_S)
    await block.__aexit__(None, None, None)


def new_key_per_try() -> None:
    """Hands a task out under another key than the one it has."""
    from onenet.adapters.transport import Transport
    from onenet.ids import new_id, to_text

    honest = Transport.drive

    async def drive(self: Transport, talk: Any, **named: Any) -> Any:
        return await honest(self, talk, **named | {"key": to_text("tsk", new_id())})

    _replace(Transport, "drive", drive)


def no_fencing() -> None:
    """Claims everything under one and the same token."""
    from onenet.services import steps

    _replace(steps, "new_id", lambda: UUID(int=7))


def deaf_to_stop() -> None:
    """A worker that goes on claiming while it should drain."""
    from onenet.worker import Worker

    _replace(Worker, "stop", lambda self: None)


def cuts_readers_off() -> None:
    """A server that lets nobody who waits know that it stops, and soon has enough of them."""
    from onenet import bootstrap
    from onenet.services.watch import Watch

    _replace(Watch, "end", lambda self: None)
    _replace(bootstrap, "DRAIN_S", 1)


def draft_goes_first() -> None:
    """Takes a draft away before its case is opened."""
    from onenet.store import drafts

    honest = drafts.mark_sent

    async def mark_sent(connection: Any, row: Any, at: Any) -> bool:
        is_marked = await honest(connection, row, at)
        await drafts.remove_marked(connection, row.id)
        return is_marked

    _replace(drafts, "mark_sent", mark_sent)


def no_lease() -> None:
    """Hands what a department has fetched out again at once, to whoever asks."""
    from dataclasses import replace

    from onenet.services.pull import Pull

    honest = Pull._take

    async def take(self: Pull, who: Any, wanted: Any) -> Any:
        return await honest(self, who, replace(wanted, lease=wanted.lease * 0))

    _replace(Pull, "_take", take)


def mark_before_commit() -> None:
    """Tells a department what became of its answer, and takes the answer a moment later."""
    from onenet import crashing
    from onenet.adapters.exchange import Mark
    from onenet.services.exchange import Reader

    honest = Reader._take

    async def take(self: Reader, endpoint: Any, rows: Any) -> Any:
        if rows:
            url = endpoint.credentials["url"]
            await self.exchange.mark(url, [Mark(row.id, "applied", None) for row in rows])
            crashing.point("before_mark")
        return await honest(self, endpoint, rows)

    _replace(Reader, "_take", take)


def tells_again() -> None:
    """Hands a task over once more instead of asking what became of it."""
    from onenet.adapters.rest import Rest

    _replace(Rest, "poll", lambda self, task, reference: self.submit(task))


MUTANTS: dict[str, Callable[[], None]] = {
    mutant.__name__: mutant
    for mutant in (
        answer_before_commit,
        new_key_per_try,
        no_fencing,
        deaf_to_stop,
        cuts_readers_off,
        draft_goes_first,
        no_lease,
        mark_before_commit,
        tells_again,
    )
}


def _replace(owner: Any, name: str, broken: Any) -> None:
    if not hasattr(owner, name):
        raise AttributeError(f"{owner.__name__} has no {name} to break")
    setattr(owner, name, broken)
