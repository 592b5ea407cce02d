"""People: applicants who submit, repeat, hand in and withdraw; the officer who decides what is held."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from onenet.domain.bundle import Bundle
from onenet.domain.case import Case, Decision, MaterialGiven
from onenet.domain.commands import Command, ConfirmWithdrawal, DecideStep, HandInSupplement, Withdraw
from onenet.errors import Conflict, IdempotencyKeyReused, Unavailable
from onenet.services.change import Change, Once, Result
from onenet.store.idempotency import StoredAnswer
from tests.factories import ACTOR, make_content, make_opening
from tests.simulation.process import AnswerLost, Process

if TYPE_CHECKING:
    from tests.simulation.world import Needy, World

SCOPE = "frontend:app"


def once(key: str, what: str) -> Once:
    """Under this key, for this request."""
    return Once(SCOPE, key, hashlib.sha256(what.encode()).digest(), IdempotencyKeyReused)


def render(case: Case, decision: Decision) -> StoredAnswer:
    """What the applicant is told."""
    return StoredAnswer(202, json.dumps({"id": str(case.id), "seq": case.seq, "reply": decision.reply}))


async def apply(world: World, number: int, bundle: Bundle) -> None:
    """Submits one case, repeating under the same key until it is answered, and now and then once more."""
    await asyncio.sleep(world.random.choice((0.0, 60.0, 30_000.0)) * world.random.random())
    key = f"case-{number}"
    world.ledger.submitted.add(key)
    case_id = await _promised(world, key, bundle)
    if world.random.random() < 0.3:
        await _promised(world, key, bundle)
    if world.random.random() < 0.05:
        await asyncio.sleep(world.random.uniform(0, 20_000))
        await _tell(world, case_id, f"withdrawal-{number}", Withdraw("changed my mind"))


async def _promised(world: World, key: str, bundle: Bundle) -> UUID:
    answer = await _until_answered(world, lambda process: _submit(process, key, bundle))
    case_id = UUID(json.loads(answer)["id"])
    world.note(key, f"is promised case {case_id}")
    world.ledger.promised(key, case_id)
    return case_id


async def _submit(process: Process, key: str, bundle: Bundle) -> Result:
    """What the API does: a new case under a new id, unless the key has an answer."""
    content = make_content(form={"noticed_on": "2026-11-22"}, materials=["deed"])
    return await process.gate.submit(
        make_opening(bundle, content=content, once=once(key, key), render=render)
    )


async def _until_answered(world: World, ask: Any) -> str:
    """The body of the answer, however often it takes."""
    while True:
        try:
            result: Result = await world.ask(ask)
        except (AnswerLost, Unavailable):
            await asyncio.sleep(world.random.uniform(0.1, 20))
            continue
        assert result.answer is not None
        return result.answer.body


async def _tell(world: World, case_id: UUID, key: str, command: Command) -> None:
    """Puts a command through under a key; one that no longer fits is dropped."""
    change = Change(case_id, command, ACTOR, once=once(key, key), render=render)
    try:
        answer = await _until_answered(world, lambda process: process.gate.submit(change))
    except Conflict as refusal:
        world.note(key, f"is refused: {refusal}")
    else:
        world.note(key, f"is answered {answer}")


async def look_after(world: World) -> None:
    """Sees what waits for a person, and has it done after a while, each thing by one person at a time."""
    busy: set[Needy] = set()
    while True:
        for needy in world.needy():
            if needy not in busy:
                busy.add(needy)
                world.begin(_serve(world, needy, busy))
        await world.until(lambda: any(needy not in busy for needy in world.needy()), 86_400)


async def _serve(world: World, needy: Needy, busy: set[Needy]) -> None:
    await asyncio.sleep(world.random.choice((60.0, 600.0, 40_000.0)) * world.random.random())
    world.deeds += 1
    if needy in world.needy():
        key = f"deed-{world.deeds}"
        await _tell(world, needy.case_id, key, _deed(world, needy))
    busy.discard(needy)
    world.stir()


def _deed(world: World, needy: Needy) -> Command:
    if needy.state == "untold":
        return ConfirmWithdrawal(UUID(needy.step), "told by telephone")
    if needy.state == "supplement_needed":
        given = MaterialGiven("deed", f"file:deed-{world.deeds}")
        return HandInSupplement(needy.step, (given,), {})
    if needy.reason == "upstream_not_completed":
        return DecideStep(
            needy.step, world.random.choice(("cancel", "skip")), "what it needs was not granted"
        )
    return DecideStep(needy.step, "release", "mended")
