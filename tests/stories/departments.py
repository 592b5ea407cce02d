"""The departments of the stories: one HTTP server for all of them, by the contract of docs/departments.md.

What is signed and what is believed goes by the public library of Standard Webhooks, not by ours.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
import standardwebhooks
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onenet.demo.applicant import ask
from tests.stories.telling import GRANTS, Said, until_told, what_follows

Place = tuple[str, str]
"""A step: the number of its case, and its code."""

Script = Mapping[str, tuple[Said, ...]]
"""What is to be said, by step."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task as it came. `at`: its place among all that came and was said; `department`: to whom it came."""

    at: int
    department: str
    key: str
    body: bytes

    @property
    def data(self) -> Mapping[str, Any]:
        """What the department is told."""
        told: Mapping[str, Any] = json.loads(self.body)["data"]
        return told


@dataclass(frozen=True, slots=True)
class Answer:
    """Something that a department said: when it began to say it, of which step, and what came back."""

    at: int
    step: str
    said: Said
    status: int
    became: str


def _future() -> asyncio.Future[Script]:
    return asyncio.get_running_loop().create_future()


@dataclass
class Departments:
    """What they are to say, and all that they heard and said. `came`: by case, in order."""

    secrets: dict[str, str] = field(default_factory=dict)
    url: str = ""
    onenet: str = ""
    came: defaultdict[str, list[Task]] = field(default_factory=lambda: defaultdict(list))
    said: defaultdict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    notices: defaultdict[str, list[Task]] = field(default_factory=lambda: defaultdict(list))
    faults: list[str] = field(default_factory=list)
    _scripts: defaultdict[str, asyncio.Future[Script]] = field(default_factory=lambda: defaultdict(_future))
    _left: dict[Place, list[Said]] = field(default_factory=dict)
    _told: defaultdict[Place, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    _talks: defaultdict[str, set[asyncio.Task[None]]] = field(default_factory=lambda: defaultdict(set))
    _count: itertools.count[int] = field(default_factory=itertools.count)
    _client: httpx2.AsyncClient = field(
        default_factory=lambda: httpx2.AsyncClient(trust_env=False, timeout=30)
    )

    def tell(self, number: str, says: Script) -> None:
        """What is to be said in the case of this number; a task that came before waits for it."""
        self._scripts[number].set_result(says)

    def go_on(self, number: str, step: str) -> None:
        """Lets the department say what it kept to itself."""
        self._told[number, step].set()

    async def quiet(self, number: str) -> None:
        """Returns when all has been said that is to be said in this case. Raises: whatever went wrong."""
        await asyncio.gather(*self._talks[number])

    async def take(self, request: Request) -> Response:
        """A task comes: it is kept, answered 202, and what is to be said of it is said by callbacks."""
        department, body = request.path_params["department"], await request.body()
        try:
            told = standardwebhooks.Webhook(self.secrets[department]).verify(body, dict(request.headers))
        except standardwebhooks.webhooks.WebhookVerificationError as error:
            self.faults.append(f"{department}: {error}")
            return Response(status_code=401)
        data = told["data"]
        number, step = data["case"]["number"], data["step"]
        task = Task(next(self._count), department, request.headers["webhook-id"], body)
        is_new = all(task.key != other.key for other in self.came[number] + self.notices[number])
        (self.came if told["type"] == "step.requested" else self.notices)[number].append(task)
        if is_new and told["type"] == "step.requested":
            self._talks[number].add(asyncio.create_task(self._answer(task, (number, step))))
        return Response(status_code=202)

    async def _answer(self, task: Task, place: Place) -> None:
        script = await self._scripts[place[0]]
        left = self._left.setdefault(place, list(script.get(place[1], GRANTS)))
        seq = itertools.count(1)
        while left:
            said = left.pop(0)
            if said is what_follows:
                return
            if said is until_told:
                await self._told[place].wait()
                self._told[place].clear()
                continue
            await self._say(task, place, said, next(seq))
            if said["outcome"] == "supplement_needed":
                return  # what is left is for what comes then

    async def _say(self, task: Task, place: Place, said: Said, seq: int) -> None:
        data = {"task": task.key, "seq": seq, **said}
        if said["outcome"] == "completed":
            codes = task.data["results_expected"]
            data["results"] = [{"code": code, "number": f"{place[0]}-{code}"} for code in codes]
        now, id = datetime.now(UTC), f"{task.key}_{seq}"
        body = json.dumps({"type": "task.outcome", "timestamp": now.isoformat(), "data": data})
        signature = standardwebhooks.Webhook(self.secrets[task.department]).sign(id, now, body)
        headers = {
            "content-type": "application/json",
            "webhook-id": id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }
        at = next(self._count)
        came = await self._client.post(
            f"{self.onenet}/v1/callbacks/{task.department}", content=body, headers=headers
        )
        became = came.json().get("outcome") or came.json().get("type", "")
        self.said[place[0]].append(Answer(at, place[1], said, came.status_code, became))

    async def join(self, administrator: httpx2.AsyncClient, code: str) -> None:
        """Registers the department, and keeps the secret that both sides sign with."""
        url = f"{self.url}/{code}"
        body = {"kind": "department", "owner": code, "url": url, "rate_per_s": 0}
        made = await ask(administrator, "POST", "/v1/endpoints", body=body, key=f"join-{code}")
        self.secrets[code] = made["secret"]

    @asynccontextmanager
    async def listening(self, onenet: str) -> AsyncIterator[None]:
        """They can be reached at `url`, each below it by its code, and call back there."""
        self.onenet = onenet
        app = Starlette(routes=[Route("/{department}", self.take, methods=["POST"])])
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws="none"))
        running = asyncio.create_task(server._serve())
        while not server.started:  # uvicorn has no event for it
            assert not running.done()
            await asyncio.sleep(0.01)
        self.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            for talk in itertools.chain.from_iterable(self._talks.values()):
                talk.cancel()
            await self._client.aclose()
            server.should_exit = server.force_exit = True
            await running
