"""Look-ups: what is not there and what is somebody else's cost the same work and get the same words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from sqlalchemy import event

from onenet.store.database import Database
from tests.api.conftest import submission

pytestmark = pytest.mark.anyio

UNKNOWN = "00000000-0000-7000-8000-000000000000"


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """All statements, without their values."""
    seen: list[str] = []

    def note(*told: Any) -> None:
        seen.append(told[2])

    engines = [each.sync_engine for each in (database._reader, database._instant, database._writer)]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


def words(answer: httpx2.Response) -> tuple[int, dict[str, Any], set[str]]:
    """Everything that is the same whoever asks: not the request's own id."""
    members = {name: value for name, value in answer.json().items() if name != "instance"}
    return answer.status_code, members, set(answer.headers)


@pytest.fixture
async def case(frontend: httpx2.AsyncClient) -> dict[str, Any]:
    """Somebody's case."""
    opened = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "k"})
    found: dict[str, Any] = opened.json()
    return found


@pytest.mark.parametrize("path", ["", "/steps", "/events", "/events?wait=1"])
async def test_a_foreign_case_is_looked_for_like_one_that_is_not_there(
    stranger: httpx2.AsyncClient, case: dict[str, Any], database: Database, path: str
) -> None:
    await stranger.get(f"/v1/cases/{UNKNOWN}{path}")  # who is calling is remembered from here on
    with statements(database) as for_unknown:
        unknown = await stranger.get(f"/v1/cases/{UNKNOWN}{path}")
    with statements(database) as for_foreign:
        foreign = await stranger.get(f"/v1/cases/{case['id']}{path}")
    assert words(unknown) == words(foreign)
    assert words(foreign)[0] == 404
    assert for_unknown == for_foreign


async def test_a_foreign_case_is_refused_a_change_like_one_that_is_not_there(
    stranger: httpx2.AsyncClient, case: dict[str, Any], database: Database
) -> None:
    asked: list[tuple[Any, list[str]]] = []
    for number, id in enumerate((UNKNOWN, UNKNOWN, case["id"])):
        with statements(database) as seen:
            path, key = f"/v1/cases/{id}/withdrawal", {"Idempotency-Key": f"w{number}"}
            answer = await stranger.post(path, json={"reason": "x"}, headers=key)
        asked.append((words(answer), seen))
    assert asked[1] == asked[2]
    assert asked[2][0][0] == 404


async def test_a_number_that_is_not_there_is_looked_for_like_a_wrong_secret(
    anonymous: httpx2.AsyncClient, case: dict[str, Any], database: Database
) -> None:
    number = str(int(case["number"]) + 1)
    wrong = {"Onenet-Tracking-Secret": "wrong_wrong_wrong_wron"}
    await anonymous.get(f"/v1/progress/{number}", headers=wrong)
    with statements(database) as for_unknown:
        unknown = await anonymous.get(f"/v1/progress/{number}", headers=wrong)
    with statements(database) as for_wrong:
        foreign = await anonymous.get(f"/v1/progress/{case['number']}", headers=wrong)
    assert words(unknown) == words(foreign)
    assert words(foreign)[0] == 404
    assert for_unknown == for_wrong
    secret = {"Onenet-Tracking-Secret": case["tracking_secret"]}
    right = await anonymous.get(f"/v1/progress/{case['number']}", headers=secret)
    assert right.status_code == 200


async def test_the_pages_of_both_are_the_same_too(
    anonymous: httpx2.AsyncClient, case: dict[str, Any]
) -> None:
    number = str(int(case["number"]) + 1)
    unknown = await anonymous.post("/track", data={"number": number, "secret": "x"})
    wrong = await anonymous.post("/track", data={"number": case["number"], "secret": "x"})
    assert unknown.status_code == wrong.status_code == 404
    assert unknown.text.replace(number, "") == wrong.text.replace(case["number"], "")
