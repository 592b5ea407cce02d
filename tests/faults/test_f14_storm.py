"""F14: a storm of requests under few keys. Each key has one effect; another body under it is refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.departments import receives, town
from tests.faults.form import count
from tests.faults.office import APPLICANT, application, office, onenet

AT_ONCE = 30
KEYS = 20
ROUNDS = count(1, 33)
OTHERS = 5
"""Requests with another body under each key, in the middle of the storm."""

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(count(120, 900))]


@dataclass(frozen=True, slots=True)
class Storm:
    """What became of one. `effects`: cases in the database. `same`, `other`: answers, by status.

    `named`: how many different cases the answers of one key named, at most.
    """

    effects: int
    same: Counter[int]
    other: Counter[int]
    named: int


def violations(storm: Storm, keys: int) -> list[str]:
    """Everything that is not as promised."""
    found = []
    if storm.effects != keys:
        found.append(f"{storm.effects} cases of {keys} keys")
    if storm.named != 1:
        found.append(f"one key was answered with {storm.named} cases")
    if wrong := set(storm.same) - {202, 409}:
        found.append(f"the same request was answered {wrong}")
    if wrong := set(storm.other) - {422}:
        found.append(f"another request under a used key was answered {wrong}")
    return found


async def blow(folder: Path, url: str, altered: Sequence[str] = ()) -> Storm:
    """The storm, and a look at what it left."""
    same: Counter[int] = Counter()
    other: Counter[int] = Counter()
    named: dict[str, set[str]] = {}
    async with town({"police": receives}) as there:
        engine = {"server": onenet("serve", "--no-worker", altered=altered)}
        async with office(folder, url, there.urls, engine) as made, made.client() as client:

            async def send(key: str) -> None:
                answer = await made.submit(client, "police", key)
                same[answer.status_code] += 1
                if answer.status_code == 202:
                    named.setdefault(key, set()).add(answer.json()["id"])

            async def send_another(key: str) -> None:
                await send(key)
                body = application("police", applicant=APPLICANT | {"name": "示例二"})
                answer = await client.post("/v1/cases", json=body, headers={"Idempotency-Key": key})
                other[answer.status_code] += 1

            for number in range(ROUNDS):
                keys = [f"{number}-{key}" for key in range(KEYS)]
                async with asyncio.TaskGroup() as group:
                    for _ in range(AT_ONCE):
                        for key in keys:
                            group.create_task(send(key))
                    for key in keys:
                        for _ in range(OTHERS):
                            group.create_task(send_another(key))
            effects = len(await made.stored())
    return Storm(effects, same, other, max(len(cases) for cases in named.values()))


async def test_a_storm_of_repetitions_has_one_effect_for_each_key(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    storm = await blow(tmp_path, database_url)
    print(f"\nfaults: F14 {backend}: {storm}")
    assert storm.same.total() == (AT_ONCE + OTHERS) * KEYS * ROUNDS > 0
    assert storm.other[422] > 0
    assert violations(storm, KEYS * ROUNDS) == []


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_control_without_a_memory_of_keys_the_storm_is_seen(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    storm = await blow(tmp_path, database_url, altered=["no_memory"])
    assert len(violations(storm, KEYS * ROUNDS)) >= 3


def test_an_answer_of_the_server_is_no_answer_of_the_promise() -> None:
    assert violations(Storm(KEYS, Counter({202: 1, 500: 1}), Counter({422: 1}), 1), KEYS)
