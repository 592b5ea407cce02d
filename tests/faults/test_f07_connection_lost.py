"""F7: the way to the database misbehaves. Nothing acknowledged is lost; a key settles an unknown commit.

A proxy stands between onenet and PostgreSQL: it drops connections, slows them down, swallows what is sent,
turns new ones away, and ends a connection at its COMMIT, just before the server gets it or just after.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from onenet import bootstrap
from onenet.settings import Settings
from tests.faults.form import count
from tests.faults.invariants import nothing_doubled
from tests.faults.ports import Ports
from tests.faults.proxy import Cut, Proxy, Streams, to_socket
from tests.faults.scenario import Scene, begin, conclude, gather_now, scene, under_load, until

ROUNDS = count(1, 50)
CUTS = 3
"""Commits cut in a row."""

SLOW_S = 0.2
HOLE_S = count(2, 30)
SHUT_S = 1.0

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.parametrize("backend", ["postgresql"]),
    pytest.mark.timeout(240 + 120 * ROUNDS),
]


async def test_unknown_commits_are_settled_by_their_key(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    dice, injected = begin("F7", backend), Counter[str]()

    async def misbehave() -> None:
        for _ in range(ROUNDS):
            for name in dice.sample(list(FAULTS), len(FAULTS)):
                print(f"faults: F7 {name}", flush=True)
                await FAULTS[name](made, proxy, dice)
                injected[name] += 1
                await made.applicants.acknowledged(len(made.ledger.acknowledged) + 1)

    async with _behind_proxy(database_url) as (proxy, url), scene(
        tmp_path, database_url, "apart", engine_url=url
    ) as made:  # fmt: skip
        await under_load(made, misbehave)
        report = await conclude(made, injected)
    assert report.violations == ()
    assert set(injected) == set(FAULTS)
    assert set(report.evidence.ledger.errors) <= {"503", "ReadTimeout"}


async def test_a_server_that_goes_away_between_two_questions_of_a_start_is_waited_for(
    backend: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "START_PAUSE_S", 0.1)
    async with _behind_proxy(database_url) as (proxy, url):
        whole, asked = proxy.upstream, 0

        async def away_for_a_while() -> Streams:
            nonlocal asked
            asked += 1
            if asked in (2, 3):
                raise OSError("nobody there")
            return await whole()

        proxy.upstream = away_for_a_while
        async with bootstrap.process(Settings(database_url=url)) as made:
            await made.parts.database.ping()
    assert asked > 3


async def test_a_reader_who_waits_outlives_the_loss_of_every_connection(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    begin("F7 reader", backend)
    async with _behind_proxy(database_url) as (proxy, url), scene(
        tmp_path, database_url, "apart", engine_url=url
    ) as made:  # fmt: skip
        worker = made.city.children["worker"]
        worker.kill()  # so that the case does not move
        await under_load(made, lambda: made.applicants.acknowledged(1))
        moved = asyncio.create_task(made.applicants.next_change())
        dropped = 0
        while dropped < CUTS:
            await asyncio.sleep(SHUT_S)
            dropped += proxy.reset()
        worker.start()
        assert (await moved)["seq"] > 0
        report = await conclude(made, Counter(reset=dropped))
    assert report.violations == ()


async def test_control_whoever_takes_a_new_key_for_each_try_gets_his_case_twice(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    begin("F7 control", backend)
    async with _behind_proxy(database_url) as (proxy, url), scene(
        tmp_path, database_url, "apart", engine_url=url, fresh_keys=True
    ) as made:  # fmt: skip
        made.city.children["worker"].end()  # so that every commit is an applicant's
        await under_load(made, lambda: _cut(made, proxy, "after"))
        evidence = await gather_now(made)
    assert any("belongs to no key" in line for line in nothing_doubled(evidence))


async def _reset(made: Scene, proxy: Proxy, dice: random.Random) -> None:
    async def some() -> bool:
        return proxy.reset() > 0

    await asyncio.sleep(dice.uniform(0, SLOW_S))
    await until(made, some, lambda: "no connection to drop")


async def _slow(made: Scene, proxy: Proxy, dice: random.Random) -> None:
    proxy.delay_s = SLOW_S / 2  # each way
    await made.applicants.send(2)  # whatever is open already, which takes its time now
    proxy.delay_s = 0


async def _black_hole(made: Scene, proxy: Proxy, dice: random.Random) -> None:
    proxy.is_open.clear()
    await asyncio.sleep(HOLE_S)
    proxy.is_open.set()


async def _shut(made: Scene, proxy: Proxy, dice: random.Random) -> None:
    upstream, proxy.upstream = proxy.upstream, _turn_away
    proxy.reset()
    await asyncio.sleep(SHUT_S)
    proxy.upstream = upstream


async def _cut_before(made: Scene, proxy: Proxy, dice: random.Random) -> None:
    await _cut(made, proxy, "before")


async def _cut_after(made: Scene, proxy: Proxy, dice: random.Random) -> None:
    await _cut(made, proxy, "after")


async def _cut(made: Scene, proxy: Proxy, where: Cut) -> None:
    for number in range(proxy.cuts + 1, proxy.cuts + CUTS + 1):
        proxy.cut_commits = where

        async def done(number: int = number) -> bool:
            return proxy.cuts >= number

        await until(made, done, lambda: "nobody commits")


async def _turn_away() -> Any:
    raise ConnectionRefusedError


FAULTS: Mapping[str, Callable[[Scene, Proxy, random.Random], Awaitable[None]]] = {
    "reset": _reset,
    "latency": _slow,
    "black hole": _black_hole,
    "turned away": _shut,
    "cut before COMMIT": _cut_before,
    "cut after COMMIT": _cut_after,
}


@asynccontextmanager
async def _behind_proxy(database_url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy in front of the database, and the URL that leads through it."""
    direct = make_url(database_url)
    with Ports() as ports:
        socket = to_socket(f"{direct.query['host']}/.s.PGSQL.{direct.port or 5432}")
        async with Proxy(ports.take(), socket) as proxy:
            query = {"sslmode": "disable", "gssencmode": "disable"}
            through = direct.set(host="127.0.0.1", port=proxy.port, query=query)
            yield proxy, through.render_as_string(hide_password=False)
