"""onenet in this process, as `onenet serve` puts it together, and cases sent through its gate."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from bench.town import CLIENT, SHAPES, TOWN
from onenet.bootstrap import Process, process
from onenet.domain.bundle import Bundle
from onenet.domain.case import Applicant, Case, CaseContent
from onenet.domain.commands import Open
from onenet.domain.states import CaseState
from onenet.ids import new_id
from onenet.services.change import Change, Opening
from onenet.services.numbering import NumberTemplate
from onenet.settings import Settings

_UNSET = datetime.min.replace(tzinfo=UTC)
_CONTENT = CaseContent(Applicant("张三", "natural_person", "other", "T-1"), {}, {}, ())


@dataclass
class City:
    """The parts, and the cases that a commit of this process has completed."""

    process: Process
    bundles: Iterator[Bundle]
    template: NumberTemplate
    completed: set[UUID]
    _grown: asyncio.Event

    def on_commit(self, cases: Sequence[Case]) -> None:
        """Notes what is completed."""
        done = [case.id for case in cases if case.state is CaseState.COMPLETED]
        if done:
            self.completed.update(done)
            self._grown.set()

    async def submit(self) -> UUID:
        """Opens a case; it is on the disk afterwards."""
        blank = Case(
            id=new_id(), number="", bundle=next(self.bundles), jurisdiction=TOWN, subject="s-1",
            client=CLIENT, state=CaseState.RECEIVED, created_at=_UNSET, updated_at=_UNSET,
            secret_hash=bytes(32), content=_CONTENT,
        )  # fmt: skip
        opening = Opening(blank, self.template)
        await self.process.parts.gate.submit(Change(blank.id, Open(), f"frontend:{CLIENT}/s-1", opening))
        return blank.id

    async def until_completed(self, count: int) -> None:
        """Waits until so many cases were completed."""
        while len(self.completed) < count:
            self._grown.clear()
            await self._grown.wait()


@contextlib.asynccontextmanager
async def city(url: str, shape: str = "five", *, working: bool = True) -> AsyncIterator[City]:
    """The parts over a prepared database, with a worker unless told otherwise."""
    async with process(Settings(database_url=url)) as made:
        catalogue = made.parts.catalogue
        template = await catalogue.number_template(TOWN)
        bundles = [await catalogue.latest(code) for code in SHAPES[shape]]
        it = City(made, itertools.cycle(bundles), template, set(), asyncio.Event())
        made.parts.gate.listen(it.on_commit)
        if not working:
            yield it
            return
        worker = made.worker()
        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run())
            try:
                yield it
            finally:
                worker.stop()


async def at_once(times: int, hands: int, do: Callable[[], Awaitable[object]]) -> None:
    """Does it so many times, `hands` at a time, as that many clients would."""
    left = iter(range(times))

    async def hand() -> None:
        for _ in left:
            await do()

    async with asyncio.TaskGroup() as group:
        for _ in range(min(hands, times)):
            group.create_task(hand())
