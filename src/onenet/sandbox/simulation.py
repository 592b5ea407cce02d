"""`onenet department simulate`: a onenet that stays, and works as a city's does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from onenet.domain.case import Case
from onenet.domain.states import StepState
from onenet.sandbox import cases
from onenet.sandbox.narrator import Line, Narrator
from onenet.sandbox.service import Service


@asynccontextmanager
async def working(service: Service, tell: Callable[[Line], None]) -> AsyncIterator[None]:
    """Hands out tasks while the block lasts, and tells what happens; calls under way are then finished."""
    narrator, applicant, worker = Narrator(service, tell), Applicant(service), service.process.worker()
    async with asyncio.TaskGroup() as group:
        beside = [group.create_task(each.run()) for each in (narrator, applicant)]
        work = group.create_task(worker.run())
        try:
            yield
        finally:
            worker.stop()
            await work
            for each in beside:
                each.cancel()
    await narrator.catch_up()


class Applicant:
    """Hands in what a department asks for, once in each case: who always asks would be given it for ever."""

    def __init__(self, service: Service) -> None:
        """Hands in nothing yet."""
        self._parts = service.process.parts
        self._asked: asyncio.Queue[UUID] = asyncio.Queue()
        self._parts.gate.listen(self._on_commit)

    def _on_commit(self, committed: Sequence[Case]) -> None:
        for case in committed:
            step = case.steps[cases.STEP]
            if step.state is StepState.SUPPLEMENT_NEEDED and step.submission == 1:
                self._asked.put_nowait(case.id)

    async def run(self) -> None:
        """Hands in until cancelled."""
        while True:
            await cases.hand_in(self._parts, await self._asked.get())
