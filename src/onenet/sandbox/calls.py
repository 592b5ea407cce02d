"""Hands tasks over: as onenet does, by its own steps and transport; and as nobody should, to be refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from onenet.adapters import signing
from onenet.adapters.base import Endpoint, Talk, TaskSheet
from onenet.adapters.registry import adapter_for
from onenet.adapters.transport import Attempt, Transport
from onenet.adapters.wire import Wire
from onenet.clock import comes
from onenet.destinations import Destinations
from onenet.domain.chain import canonical
from onenet.domain.outcome import TryLater
from onenet.domain.sheet import TASK_PREFIX
from onenet.errors import NotFound
from onenet.ids import to_text
from onenet.sandbox.evidence import Errand, Record
from onenet.sandbox.service import Service
from onenet.services import steps
from onenet.services.leases import Claimed
from onenet.services.steps import endpoint_of
from onenet.store import queue

MOST_TRIES = 2
"""The second follows the first after five seconds, by onenet's schedule; then a task counts as not taken."""

PATIENCE_S = 30.0
"""After the last call, until a task that is due much later counts as not taken."""

_LOOK_AGAIN_S = 0.05

OLD = timedelta(seconds=400)

Way = Callable[["Caller", Errand, Claimed], Awaitable[None]]
"""A way in which a claimed task is handed over, where not as every task is."""


class Witness(Transport):
    """The transport, whose calls are kept as evidence."""

    def __init__(self, record: Record, destinations: Destinations) -> None:
        """`record` keeps each attempt with the errand whose key it was made under."""
        super().__init__(destinations=destinations)
        self._record = record

    async def drive(self, talk: Talk, *, endpoint: Endpoint, key: str, now: datetime) -> Attempt:
        """One attempt."""
        attempt = await super().drive(talk, endpoint=endpoint, key=key, now=now)
        if (errand := self._record.by_key(key)) is not None:
            errand.calls.append(attempt)
        return attempt


class _Meddling(Wire):
    """The wire of another transport, with somebody on it who changes what was signed."""

    def __init__(self, wire: Wire, change: Callable[[bytes], bytes]) -> None:
        self._wire = wire
        self._change = change

    async def send(self, method: str, url: Any, headers: Any, body: bytes, **how: Any) -> Any:
        return await self._wire.send(method, url, headers, self._change(body), **how)

    async def aclose(self) -> None:
        await self._wire.aclose()


class Tampering(Witness):
    """A transport whose bodies are changed after they were signed."""

    def __init__(self, record: Record, destinations: Destinations, change: Callable[[bytes], bytes]) -> None:
        """`change`: from what was signed to what arrives."""
        super().__init__(record, destinations)
        self._wire = _Meddling(self._wire, change)


class Caller:
    """Hands over the tasks of one run. Made and used within one event loop."""

    def __init__(self, service: Service) -> None:
        """Calls nobody yet."""
        self.service = service
        self.transport = Witness(service.record, service.process.parts.destinations)
        self._parts = service.process.parts

    async def aclose(self) -> None:
        """Closes the connections."""
        await self.transport.aclose()

    async def hand_over(self, errands: Sequence[Errand], ways: Mapping[str, Way]) -> None:
        """Hands their tasks over, one after the other, until each is taken or needs no further try."""
        now_s = asyncio.get_running_loop().time
        deadline_s = now_s() + PATIENCE_S
        while any(map(_is_open, errands)) and now_s() < deadline_s:
            found = await steps.claim(self._parts.database, queue.TASKS, self._parts.machine_clock, 1)
            for claimed in found:
                errand = self.service.record.by_key(key_of(claimed.row["id"]))
                if errand is None or (way := ways.get(errand.name)) is None:
                    await self.dispatch(claimed)
                else:
                    await way(self, errand, claimed)
                deadline_s = now_s() + PATIENCE_S
            if not found:
                await comes(self.service.record.moved, _LOOK_AGAIN_S)

    async def dispatch(self, claimed: Claimed) -> None:
        """Hands it over as onenet's worker does, and records what came of it."""
        parts = self._parts
        await steps.dispatch(parts.gate, self.transport, parts.machine_clock, claimed)

    async def sheet(self, errand: Errand) -> TaskSheet:
        """The task as it was written. Raises: NotFound."""
        case = await self._parts.case_of(errand.case_id) if errand.case_id else None
        payloads = (
            [each.payload for each in case.tasks.values() if key_of(each.id) == errand.key] if case else []
        )
        if not payloads:
            raise NotFound("this errand has no task")
        return TaskSheet(errand.key, payloads[0], json.loads(payloads[0]))

    async def send(
        self, sheet: TaskSheet, *, secrets: Sequence[str] = (), age: timedelta = timedelta(),
        transport: Transport | None = None,
    ) -> Attempt:  # fmt: skip
        """Sends it past the queue: under other keys, at another time, through another transport."""
        endpoint = endpoint_of(self.service.endpoint)
        endpoint = replace(endpoint, secrets=tuple(secrets) or endpoint.secrets)
        talk = adapter_for(endpoint).submit(sheet)
        now = self._parts.machine_clock.now() - age
        return await (transport or self.transport).drive(talk, endpoint=endpoint, key=sheet.key, now=now)

    async def tamper(self, sheet: TaskSheet, change: Callable[[bytes], bytes]) -> None:
        """Sends it so that what arrives is not what was signed."""
        async with Tampering(self.service.record, self._parts.destinations, change) as transport:
            await self.send(sheet, transport=transport)


def _is_open(errand: Errand) -> bool:
    """Whether a further try may still be worth its while."""
    if errand.is_taken or len(errand.calls) >= MOST_TRIES:
        return False
    last = errand.calls[-1].outcome if errand.calls else None
    return last is None or (isinstance(last, TryLater) and last.failure == "transient")


def key_of(task: UUID) -> str:
    """What a task is called outside."""
    return to_text(TASK_PREFIX, task)


def others(keys: Sequence[str]) -> tuple[str, ...]:
    """Keys of the same kinds that the department does not know."""
    own = [signing.new_own_key() for _ in signing.own_keys(keys)]
    return (*(signing.new_secret() for _ in signing.shared(keys)), *own)


def changed(sheet: TaskSheet, **members: Any) -> TaskSheet:
    """The sheet with these members; a new `task` is its key."""
    content = {**sheet.content, **members}
    return TaskSheet(str(content["task"]), canonical(content), content)


# ---- the ways


async def dispatch_again(caller: Caller, errand: Errand, claimed: Claimed) -> None:
    """As when the first answer got lost: the same key and the same bytes once more."""
    await caller.dispatch(claimed)
    if errand.is_taken:
        await caller.send(await caller.sheet(errand))


async def dispatch_at_once(caller: Caller, errand: Errand, claimed: Claimed) -> None:
    """As when a lease ended while the call lasted: the same key twice at the same moment."""
    sheet = await caller.sheet(errand)
    await asyncio.gather(caller.dispatch(claimed), caller.send(sheet))


async def dispatch_rotated(caller: Caller, errand: Errand, claimed: Claimed) -> None:
    """As while keys are changed: signed with a key that is not known yet, and with the known one."""
    keys = caller.service.endpoint.secrets
    endpoint = replace(caller.service.endpoint, secrets=(*others(keys), *keys))
    await caller.dispatch(claimed._replace(endpoint=endpoint))


async def dispatch_extended(caller: Caller, errand: Errand, claimed: Claimed) -> None:
    """As a later version might: with members that nobody knows today."""
    more = {"member_of_a_later_version": {"flag": True, "list": [1, None, "新"]}}
    payload = changed(await caller.sheet(errand), **more).payload
    await caller.dispatch(claimed._replace(row={**claimed.row, "payload": payload}))
