"""Duplicates over HTTP: who has an open case of the same thing chooses; nobody learns of another's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import anyio
import httpx2
import pytest
from sqlalchemy import event

from onenet.api.parts import Parts
from onenet.app import create_app
from onenet.catalogue.build import content_text
from onenet.clock import FrozenClock
from onenet.services.advance import Gate
from onenet.store import catalogue as store_catalogue
from onenet.store.catalogue import Version
from onenet.store.database import Database
from tests.api.conftest import PUBLIC_URL, Tokens, acting, city_bundle, submission

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize(
    "backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> str:
    """SQLite, but for what may differ between engines."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
async def asking(parts: Parts) -> None:
    """The bundle is published anew, and asks."""
    bundle = replace(city_bundle(), duplicates="ask")
    async with parts.database.transaction() as connection:
        version = Version(bundle.code, 2, "2" * 64, parts.machine_clock.now())
        await store_catalogue.add(connection, version, content_text(bundle))


async def applied(client: httpx2.AsyncClient, key: str, **changes: Any) -> httpx2.Response:
    return await client.post("/v1/cases", json=submission(**changes), headers={"Idempotency-Key": key})


async def cases_of(client: httpx2.AsyncClient) -> int:
    return len((await client.get("/v1/cases")).json()["items"])


@BOTH
async def test_a_second_one_is_asked_about_and_nothing_is_opened(
    frontend: httpx2.AsyncClient, asking: None
) -> None:
    first = (await applied(frontend, "1")).json()
    answer = await applied(frontend, "2")
    assert answer.status_code == 409
    problem = answer.json()
    assert problem["type"].endswith("/duplicate-case")
    assert problem["present"] == {"case": first["id"], "number": first["number"], "state": "received"}
    assert [each["action"] for each in problem["allowed"]] == ["go_on", "submit_again"]
    assert await cases_of(frontend) == 1


@BOTH
async def test_the_one_that_is_meant_is_opened_and_linked_on_record(
    frontend: httpx2.AsyncClient, auditor: httpx2.AsyncClient, asking: None
) -> None:
    first = (await applied(frontend, "1")).json()
    named = {"case": first["id"], "reason": "示例：再开一件"}
    second = await applied(frontend, "2", duplicate=named)
    assert second.status_code == 202
    assert second.json()["duplicate_of"] == first["id"]
    (received, *_) = (await frontend.get(second.json()["links"]["events"])).json()["items"]
    assert received["data"]["duplicate_of"] == first["id"]
    assert received["data"]["duplicate_reason"] == named["reason"]
    assert "示例" not in (await auditor.get(second.json()["links"]["events"])).text
    third = await applied(frontend, "3")
    assert third.json()["present"]["case"] == second.json()["id"]


async def test_numbers_have_no_gap_where_one_was_refused(frontend: httpx2.AsyncClient, asking: None) -> None:
    first = (await applied(frontend, "1")).json()
    await applied(frontend, "2")
    third = (await applied(frontend, "3", duplicate={"case": first["id"], "reason": "示例"})).json()
    assert int(third["number"]) == int(first["number"]) + 1


@pytest.mark.parametrize(
    "named", ["01936d2e-4c00-7a11-9c3e-5f2b6d0e8a42", "the stranger's"], ids=["none", "a stranger's"]
)
async def test_only_an_own_open_case_can_be_named(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient, asking: None, named: str
) -> None:
    """A link to a case of somebody else would be a lie on record."""
    theirs = (await applied(stranger, "s")).json()["id"]
    case = theirs if "stranger" in named else named
    await applied(frontend, "1")
    refused = await applied(frontend, "2", duplicate={"case": case, "reason": "示例"})
    assert (refused.status_code, theirs in refused.text) == (409, False)


async def test_what_is_named_and_not_open_any_more_is_no_link(
    frontend: httpx2.AsyncClient, asking: None
) -> None:
    first = (await applied(frontend, "1")).json()
    await frontend.post(first["links"]["withdrawal"], json={}, headers={"Idempotency-Key": "w"})
    second = await applied(frontend, "2", duplicate={"case": first["id"], "reason": "示例"})
    assert (second.status_code, "duplicate_of" in second.text) == (202, False)


async def test_who_knows_an_identity_number_learns_nothing_of_whose_it_is(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient, asking: None
) -> None:
    await applied(frontend, "1")
    assert (await applied(stranger, "2")).status_code == 202


@pytest.mark.parametrize(
    "changes",
    [
        {"jurisdiction": "suzhou"},
        {"applicant": {**submission()["applicant"], "id_no": "320599199102020024"}},
        {"version": 1},
    ],
    ids=["another place", "another applicant", "a version that does not ask"],
)
async def test_what_is_not_the_same_thing_is_opened(
    frontend: httpx2.AsyncClient, asking: None, changes: dict[str, Any]
) -> None:
    await applied(frontend, "1")
    assert (await applied(frontend, "2", **changes)).status_code == 202


@BOTH
async def test_a_repetition_is_no_second_one(frontend: httpx2.AsyncClient, asking: None) -> None:
    first = await applied(frontend, "1")
    again = await applied(frontend, "1")
    assert (again.status_code, again.json()) == (202, first.json())


@BOTH
async def test_of_many_that_come_at_once_one_is_opened(frontend: httpx2.AsyncClient, asking: None) -> None:
    answers: list[int] = []

    async def apply(key: str) -> None:
        answers.append((await applied(frontend, key)).status_code)

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(apply, f"k-{number}")
    assert sorted(answers) == [202] + [409] * 7
    assert await cases_of(frontend) == 1


@pytest.fixture
async def elsewhere(
    parts: Parts, database_url: str, clock: FrozenClock, tokens: Tokens
) -> AsyncIterator[httpx2.AsyncClient]:
    """The same city, served by another process."""
    database = Database(database_url, ring=parts.database.ring)
    gate = Gate(database, parts.catalogue.bundle, clock, clock)
    app = create_app(replace(parts, database=database, gate=gate))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=PUBLIC_URL) as client:
        yield acting(client, tokens.frontend, "citizen-1")
    await database.close()


@BOTH
async def test_of_two_processes_one_opens_it(
    frontend: httpx2.AsyncClient, elsewhere: httpx2.AsyncClient, asking: None
) -> None:
    """Whoever opens a case waits at the counter of its place for the commit of the other."""
    for number in range(5):
        answers: list[int] = []
        applicant = {**submission()["applicant"], "id_type": "other", "id_no": f"T-00{number}"}

        async def apply(client: httpx2.AsyncClient, key: str, whom: dict[str, Any], told: list[int]) -> None:
            told.append((await applied(client, key, applicant=whom)).status_code)

        async with anyio.create_task_group() as group:
            group.start_soon(apply, frontend, f"a-{number}", applicant, answers)
            group.start_soon(apply, elsewhere, f"b-{number}", applicant, answers)
        assert sorted(answers) == [202, 409], number


async def test_a_bundle_that_does_not_ask_costs_no_look(frontend: httpx2.AsyncClient, parts: Parts) -> None:
    said: list[str] = []
    engine = parts.database._writer.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    await applied(frontend, "1")
    assert any("case_counter" in statement for statement in said)
    assert not any("applicant_index IN" in each or "applicant_index =" in each for each in said)


async def test_a_draft_is_asked_about_as_well_and_stays(frontend: httpx2.AsyncClient, asking: None) -> None:
    first = (await applied(frontend, "1")).json()
    made = await frontend.post("/v1/drafts", json=submission(), headers={"Idempotency-Key": "d"})
    send = f"{made.headers['location']}/submission"
    refused = await frontend.post(send, json={}, headers={"Idempotency-Key": "s"})
    assert refused.json()["present"]["case"] == first["id"]
    named = {"duplicate": {"case": first["id"], "reason": "示例"}}
    assert (await frontend.post(send, json=named, headers={"Idempotency-Key": "s"})).status_code == 202
