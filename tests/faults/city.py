"""A small city: onenet in one process or two, six simulated departments, one subscriber; all of it killable.

| department | habit | what that brings |
|---|---|---|
| health | fast | the outcome is in the answer: a worker killed after the call has to ask again |
| police | slow | two callbacks later on |
| medins | twice | every callback three times, under two ids |
| hrss | flaky | 503 at the first call of every task |
| market | supplement | asks for a correction, which the load hands in |
| fire | late | completes, and long after says so again |
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx2

from onenet.adapters import signing
from onenet.clock import SystemClock
from onenet.resources import example_catalogue_dir
from onenet.services import catalogue, endpoints, keys
from onenet.services.endpoints import Wanted
from onenet.store.database import Database
from tests.faults.children import Child, environment
from tests.faults.ports import Ports
from tests.faults.subscriber import Subscriber
from tests.keys import key_ring

Shape = Literal["apart", "together"]
"""`onenet serve --no-worker` and `onenet worker`, or one `onenet serve` that is both. A second worker,
`worker_b`, stands by and is not started."""

CLIENT = "app"
LEASE_S = 3
"""Short, so that a scenario need not wait half a minute for each rescue."""

START_LIMIT_S = 60.0
DELAY_S = 0.1
"""The unit in which callbacks are late."""

HABITS = {
    "health": ("fast", "simulated"),
    "police": ("slow", "webhook"),
    "medins": ("twice", "webhook"),
    "hrss": ("flaky", "simulated"),
    "market": ("supplement", "webhook"),
    "fire": ("late", "webhook"),
}
"""Department -> habit and dialect."""

ENGINES: Mapping[Shape, Mapping[str, tuple[str, ...]]] = {
    "apart": {"server": ("serve", "--no-worker"), "worker": ("worker",)},
    "together": {"server": ("serve",)},
}
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class City:
    """A running city. `engine`: names of the children that are onenet and run from the beginning.

    `url` and `token` let a client in. `folder` holds a log of each child and the ledgers of the departments;
    `ports` is where these listen.
    """

    folder: Path
    database_url: str
    engine: tuple[str, ...]
    url: str
    token: str
    children: Mapping[str, Child]
    ports: Mapping[str, int]
    subscriber: Subscriber

    async def ready(self) -> None:
        """Waits until onenet serves. Raises: AssertionError."""
        deadline = time.monotonic() + START_LIMIT_S
        server = self.children["server"]
        async with httpx2.AsyncClient() as client:
            while True:
                server.check()
                try:
                    if (await client.get(f"{self.url}/health/ready")).status_code == 200:
                        return
                except httpx2.TransportError:
                    pass  # nobody listens yet
                assert time.monotonic() < deadline, f"not ready in time\n{server.tail()}"
                await asyncio.sleep(0.05)


@asynccontextmanager
async def running_city(
    folder: Path,
    database_url: str,
    shape: Shape,
    tell: Callable[[dict[str, Any]], None],
    *,
    engine_url: str | None = None,
    mutant: str | None = None,
    lease_s: int = LEASE_S,
) -> AsyncIterator[City]:
    """A city over a migrated, empty database, ready for its first case; every process of it ends with it.

    `tell` hears of every webhook that is new, in another thread. `engine_url`: how onenet itself gets to the
    database, when not as the harness does. `mutant`: what is broken in onenet on purpose, see `mutants`.
    """
    with Ports() as ports, Subscriber(signing.new_secret(), tell) as subscriber:
        port = ports.take()
        secrets = {department: (ports.take(), signing.new_secret()) for department in HABITS}
        token = await _register(database_url, secrets, subscriber)
        url = f"http://127.0.0.1:{port}"
        settings = environment(
            ONENET_DATABASE_URL=engine_url or database_url,
            ONENET_DATA_DIR=str(folder),
            ONENET_PORT=str(port),
            ONENET_TEST_MODE="1",
            ONENET_QUOTAS="all=off",  # one subject sends what a city does
            ONENET_LEASE_S=str(lease_s),
            PYTHONPATH=str(ROOT),
        )
        engine = {name: onenet(*words, mutant=mutant) for name, words in ENGINES[shape].items()}
        spare = {"worker_b": onenet("worker", mutant=mutant)}
        commands = engine | spare | dict(_departments(folder, url, secrets))
        children = {name: Child(name, command, folder, settings) for name, command in commands.items()}
        listening = {code: taken for code, (taken, _) in secrets.items()}
        city = City(folder, database_url, tuple(engine), url, token, children, listening, subscriber)
        try:
            for name in commands.keys() - spare.keys():
                children[name].start()
            await city.ready()
            yield city
        finally:
            for child in children.values():
                child.end()


def onenet(*words: str, mutant: str | None = None) -> tuple[str, ...]:
    """The command line of a process of onenet, sound or broken on purpose; it soon makes a call again."""
    altered = "hasty" if mutant is None else f"hasty,{mutant}"
    return (sys.executable, "-m", "tests.faults.altered", altered, *words)


def _departments(
    folder: Path, url: str, secrets: Mapping[str, tuple[int, str]]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for code, (port, secret) in secrets.items():
        habit, dialect = HABITS[code]
        yield code, (
            sys.executable, "-m", "onenet.simulator", f"--department={code}", f"--habit={habit}",
            f"--dialect={dialect}", f"--port={port}", f"--callback={url}/v1/callbacks/{code}",
            f"--secret={secret}", f"--folder={folder}", f"--delay-s={DELAY_S}",
        )  # fmt: skip


async def _register(database_url: str, secrets: Mapping[str, tuple[int, str]], subscriber: Subscriber) -> str:
    """Publishes the catalogue and writes every endpoint down; gives the token of the front-end."""
    database, now = Database(database_url, ring=key_ring()), SystemClock().now()
    try:
        published = await catalogue.publish(database, example_catalogue_dir(), SystemClock())
        assert not published.report.errors
        for code, (port, secret) in secrets.items():
            dialect = HABITS[code][1]
            wanted = Wanted("department", code, f"http://127.0.0.1:{port}/", dialect, secret, rate_per_s=0)
            await endpoints.register(database, wanted, now)
        wanted = Wanted("subscriber", CLIENT, subscriber.url, secret=subscriber.secret, rate_per_s=0)
        await endpoints.register(database, wanted, now)
        made = await keys.create(database, kind="frontend", client=CLIENT, now=now)
    finally:
        await database.close()
    return made.token
