"""Departments and the line to them: they honour keys, and misbehave in every other way."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx2

from onenet.adapters import failures, signing
from onenet.adapters.base import Endpoint, Talk
from onenet.adapters.transport import Attempt, Transport
from onenet.adapters.webhook import WITHDRAWAL_TYPE
from onenet.domain.outcome import Outcome, Received, TryLater
from onenet.errors import OnenetError
from onenet.services import callbacks
from onenet.services.change import Result
from tests.simulation.ledger import Message
from tests.simulation.process import AnswerLost, Process
from tests.store.seeding import SECRET

if TYPE_CHECKING:
    from tests.simulation.world import World

DEADLINE_S = 15.0

Words = tuple[dict[str, Any], ...]

ACCEPTED = {"outcome": "accepted"}
COMPLETED = {"outcome": "completed"}
REJECTED = {"outcome": "rejected", "reason_code": "refused", "reason": "not entitled"}
SUSPENDED = {"outcome": "suspended", "procedure": "hearing"}
RESUMED = {"outcome": "resumed"}
BLURRED = {
    "outcome": "supplement_needed",
    "requests": [{"kind": "material", "code": "deed", "reason": "blurred"}],
}

SCRIPTS: tuple[Words, ...] = (
    (COMPLETED,),
    (ACCEPTED, COMPLETED),
    (ACCEPTED, COMPLETED),
    (ACCEPTED, SUSPENDED, RESUMED, COMPLETED),
    (REJECTED,),
)
ASKING: tuple[Words, ...] = (
    (BLURRED,),
    (ACCEPTED, BLURRED),
    (ACCEPTED, BLURRED, COMPLETED),
    (BLURRED, COMPLETED),
    (BLURRED, REJECTED),
)
"""Some ask, and then decide all the same: before the applicant hands in, or too late."""

CAREFUL = ("suspended", "resumed")
"""Words that a department sends one after the other: the second makes no sense without the first."""

MOODS = (
    "fine", "fine", "fine", "fine", "fine", "down", "down", "lost_before", "lost_after", "lost_after",
    "error", "error_after", "busy", "wrong", "gone",
)  # fmt: skip


@dataclass(slots=True)
class Taken:
    """A key that a department has seen: the body that came first, its effects, the answer it gives."""

    task: str
    body: bytes
    effects: int
    answer: httpx2.Response


class Department:
    """A department's system. What it keeps is on its own disk: it never forgets a key."""

    def __init__(self, world: World, code: str) -> None:
        self.world = world
        self.code = code
        self.taken: dict[str, Taken] = {}
        self._down_until = world.now()

    async def serve(self, key: str, body: bytes) -> httpx2.Response:
        """A call. Raises: what a broken line raises."""
        world = self.world
        await asyncio.sleep(world.random.uniform(0.005, 0.5))
        mood = self._mood()
        world.note(self.code, f"{key} {mood}")
        match mood:
            case "down":
                raise ConnectionRefusedError("refused")
            case "lost_before":
                await asyncio.sleep(DEADLINE_S)
                raise TimeoutError
            case "error" | "busy" | "wrong" | "gone":
                status = {"error": 500, "busy": 429, "wrong": 400, "gone": 410}[mood]
                return httpx2.Response(status, headers={"retry-after": "30"} if mood == "busy" else {})
            case _:
                pass  # these come to the effect
        answer = self._take(key, body)
        if mood == "lost_after":
            await asyncio.sleep(DEADLINE_S)
            raise TimeoutError
        return httpx2.Response(500) if mood == "error_after" else answer

    def _mood(self) -> str:
        world = self.world
        if not world.faulty():
            return "fine"
        if world.now() < self._down_until:
            return "down"
        mood = world.random.choice(MOODS)
        if mood == "down":
            self._down_until = world.now() + timedelta(minutes=world.random.choice((0, 1, 20, 60)))
        return mood

    def _take(self, key: str, body: bytes) -> httpx2.Response:
        """The effect, once for each key; the same answer each time."""
        message = json.loads(body)
        task = message["data"]
        known = self.taken.get(key)
        if known is not None:
            if known.body != body:
                self.world.ledger.broken.append(f"{key} came to {self.code} with two bodies")
            return known.answer
        if message["type"] == WITHDRAWAL_TYPE:
            self.taken[key] = Taken(task["task"], body, 1, httpx2.Response(200))
            self.world.note(self.code, f"{key} takes effect: {task['withdraws']} is withdrawn")
            return self.taken[key].answer
        script = self._script(task)
        at_once = self.world.random.random() < 0.25
        answer = httpx2.Response(200, json=script[0]) if at_once else httpx2.Response(202)
        self.taken[key] = Taken(task["task"], body, 1, answer)
        self.world.note(self.code, f"{key} takes effect: {' '.join(word['outcome'] for word in script)}")
        first = 2 if at_once else 1
        self.world.begin(self._answer(task["task"], script[first - 1 :], first))
        return answer

    def _script(self, task: dict[str, Any]) -> Words:
        asks = task["submission"] < 3 and self.world.random.random() < 0.35
        return self.world.random.choice(ASKING if asks else SCRIPTS)

    async def _answer(self, task: str, words: Words, first: int) -> None:
        """Says its words by callback: one after the other, or in haste, to arrive in any order."""
        random = self.world.random
        hasty = random.random() < 0.5 and not any(word["outcome"] in CAREFUL for word in words)
        counted = random.random() < 0.8 or hasty
        sends = [
            self._say(task, word, number if counted else None) for number, word in enumerate(words, first)
        ]
        if hasty:
            await asyncio.gather(*sends)
            return
        for send in sends:
            await send

    async def _say(self, task: str, word: dict[str, Any], seq: int | None) -> None:
        """One message, sent until it is answered, and now and then again after that."""
        world = self.world
        message_id = world.message_id()
        counted = {} if seq is None else {"seq": seq}
        world.ledger.messages[self.code, message_id] = Message(task, seq, word["outcome"])
        await asyncio.sleep(world.random.choice((0.0, 0.3, 5.0, 600.0, 20_000.0)) * world.random.random())
        said = {
            "type": "task.outcome",
            "timestamp": world.now().isoformat(),
            "data": {"task": task, **word, **counted},
        }
        body = json.dumps(said).encode()
        await self._send(message_id, body)
        while world.random.random() < 0.3:
            again = self._send_later(message_id, body, world.random.choice((0.0, 1.0, 1_000.0, 50_000.0)))
            world.begin(again)

    async def _send_later(self, message_id: str, body: bytes, delay_s: float) -> None:
        await asyncio.sleep(delay_s * self.world.random.random())
        await self._send(message_id, body)

    async def _send(self, message_id: str, body: bytes) -> None:
        """Sends it until it is answered, always under one id."""
        world = self.world
        while True:
            try:
                result = await world.ask(lambda process: self._receive(process, message_id, body))
            except AnswerLost:
                await asyncio.sleep(world.random.uniform(0.5, 30))
                continue
            except OnenetError as error:
                if error.status != 503:
                    world.ledger.broken.append(f"callback {message_id} of {self.code} was refused: {error!r}")
                    return
                await asyncio.sleep(world.random.uniform(0.5, 30))
                continue
            answer = result.answer.body if result.answer else ""
            world.note(self.code, f"{message_id} answered {answer}")
            world.ledger.answered(self.code, message_id, answer)
            return

    async def _receive(self, process: Process, message_id: str, body: bytes) -> Result:
        headers = signing.sign(body, [SECRET], message_id=message_id, at=process.clock.now())
        return await callbacks.receive(
            process.database,
            process.gate,
            process.clock,
            department=self.code,
            url=f"https://onenet.example/v1/callbacks/{self.code}",
            headers=headers,
            body=body,
        )


class Wire(Transport):
    """The line from a worker to departments and subscribers: slow, broken, or frozen with its worker."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._world = process.world

    async def drive(self, talk: Talk, *, endpoint: Endpoint, key: str, now: Any) -> Attempt:
        """One attempt to hand a task over."""
        department = self._world.departments[endpoint.department]
        request = next(talk)
        assert isinstance(request, httpx2.Request)
        try:
            response = await department.serve(self._key(key), request.content)
            said = failures.of_response(response, now) or _finish(talk, response)
        except failures.ERROR_TYPES as error:
            said = failures.of_error(error)
        finally:
            talk.close()
        await self._meanwhile()
        return self._ended(said, now)

    async def post_signed(
        self, url: str, body: bytes, *, secrets: Any, message_id: str, now: Any, media_type: str = ""
    ) -> Attempt:
        """One attempt to tell the subscriber."""
        await asyncio.sleep(self._world.random.uniform(0.005, 0.2))
        said: Outcome = Received()
        if self._world.faulty() and self._world.random.random() < 0.2:
            said = TryLater("transient", "answered 500")
        if isinstance(said, Received) or self._world.random.random() < 0.5:
            self._world.ledger.heard.setdefault(message_id, []).append(body)
        await self._meanwhile()
        return self._ended(said, now)

    def _key(self, key: str) -> str:
        return self._world.mutant.key(key, self._world)

    async def _meanwhile(self) -> None:
        """The worker dies while it calls, or is frozen and wakes up when its lease has ended."""
        if not self._world.faulty():
            return
        chance = self._world.random.random()
        if chance < 0.03:
            await self._process.die()
            self._process.check_alive()
        elif chance < 0.15:
            await asyncio.sleep(self._world.random.uniform(10, 90))

    def _ended(self, said: Outcome, now: Any) -> Attempt:
        failure = said.failure if isinstance(said, TryLater) else None
        return Attempt(said, None, now, self._process.clock.now(), failure, "", 0)


def _finish(talk: Talk, response: httpx2.Response) -> Outcome:
    """What the adapter makes of the answer."""
    try:
        talk.send(response)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    raise AssertionError("an adapter of one call asked for a second")
