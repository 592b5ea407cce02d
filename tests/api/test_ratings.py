"""Ratings over HTTP: giving one, who learns what of it, handling a bad one, and the public figures."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select

from onenet.api.parts import Parts
from onenet.clock import FrozenClock
from onenet.domain.commands import RecordAnswer
from onenet.domain.outcome import Accepted, Completed, ResultGiven
from onenet.domain.visibility import EVERYTHING
from onenet.services import cases, erasure, keys, record
from onenet.services.change import Change
from onenet.store import tables
from onenet.store.database import Database
from onenet.store.rating_tables import rating as rating_table
from onenet.store.ratings import counts
from tests.api.conftest import Tokens, acting, submission

pytestmark = pytest.mark.anyio
sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""For what depends on no engine."""

A_DAY = timedelta(days=1)
COMPLETED = Completed((ResultGiven("birth_certificate", "B-1"),))
BAD = {"stage": "closing", "level": 4, "channel": "mobile", "tags": ["efficiency"], "text": "等了两周"}


async def closed(
    frontend: httpx2.AsyncClient,
    parts: Parts,
    key: str = "k",
    outcome: Accepted | Completed = COMPLETED,
    **changes: Any,
) -> dict[str, Any]:
    """A case whose one step the health department completed."""
    body = submission(answers={"local": False}, **changes)
    del body["form"]["address"]
    made = await frontend.post("/v1/cases", json=body, headers={"Idempotency-Key": key})
    assert made.status_code == 202, made.text
    opened: dict[str, Any] = made.json()
    case = await cases.get(parts.database, parts.catalogue, UUID(opened["id"]), EVERYTHING)
    task = case.live_task("certificate")
    assert task is not None
    await parts.gate.submit(Change(case.id, RecordAnswer(task.id, outcome), "department:health"))
    return opened


async def rate(
    client: httpx2.AsyncClient, case: dict[str, Any], key: str = "r", **said: Any
) -> httpx2.Response:
    headers = {"Idempotency-Key": key}
    return await client.post(case["links"]["ratings"], json=BAD | said, headers=headers)


async def the_rating(client: httpx2.AsyncClient) -> str:
    (found,) = (await client.get("/v1/ratings")).json()["items"]
    return f"/v1/ratings/{found['id']}"


async def act(client: httpx2.AsyncClient, where: str, act: str, **said: Any) -> httpx2.Response:
    headers = {"Idempotency-Key": f"{act}-{json.dumps(said)}".encode().hex()[:200]}
    return await client.post(
        f"{where}/actions", json={"act": act, "reason": "写明理由", **said}, headers=headers
    )


def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


@pytest.fixture
def officer(anonymous: httpx2.AsyncClient, tokens: Tokens) -> httpx2.AsyncClient:
    """An officer of the health department, which leads the bundle."""
    return acting(anonymous, tokens.officer)


# ---- giving


async def test_a_rating_is_given_once_and_its_answer_as_often_as_it_is_asked_for(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    case = await closed(frontend, parts)
    first, again = await rate(frontend, case), await rate(frontend, case)
    assert (first.status_code, first.text) == (201, again.text)
    assert again.headers["idempotency-replayed"] == "true"
    assert first.headers["location"] == case["links"]["ratings"]
    before = (await frontend.get(f"{case['links']['events']}?limit=100")).json()
    assert code(await rate(frontend, case, key="another", level=1)) == (409, "already-rated")
    assert (await frontend.get(f"{case['links']['events']}?limit=100")).json() == before
    (kept,) = (await frontend.get(case["links"]["ratings"])).json()["items"]
    assert (kept["level"], kept["text"], kept["state"]) == (4, "等了两周", "contact_due")
    assert kept == first.json()


@sqlite
async def test_a_stage_that_is_not_reached_is_not_rated(frontend: httpx2.AsyncClient) -> None:
    opened = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "k"})
    assert code(await rate(frontend, opened.json())) == (409, "stage-not-reached")


@sqlite
async def test_whoever_has_number_and_secret_rates_it_too_but_not_twice(
    frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, parts: Parts
) -> None:
    case = await closed(frontend, parts)
    here, secret = case["links"]["progress"], {"Onenet-Tracking-Secret": case["tracking_secret"]}
    assert (await anonymous.get(here, headers=secret)).json()["ratable"] == ["acceptance", "closing"]
    keyed = secret | {"Idempotency-Key": "mine"}
    given = await anonymous.post(f"{here}/ratings", json=BAD, headers=keyed)
    again = await anonymous.post(f"{here}/ratings", json=BAD, headers=keyed)
    assert (given.status_code, again.text) == (201, given.text)
    assert (await anonymous.get(here, headers=secret)).json()["ratable"] == ["acceptance"]
    assert code(await rate(frontend, case)) == (409, "already-rated")
    wrong = await anonymous.post(
        f"{here}/ratings", json=BAD, headers=keyed | {"Onenet-Tracking-Secret": "guessed"}
    )
    assert code(wrong) == (404, "not-found")


@sqlite
async def test_two_keys_of_two_cases_are_not_one(
    frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, parts: Parts
) -> None:
    """A key is the holder's of one secret; another case's holder may use the same word."""
    for name in ("one", "two"):
        case = await closed(frontend, parts, name)
        headers = {"Onenet-Tracking-Secret": case["tracking_secret"], "Idempotency-Key": "same"}
        given = await anonymous.post(f"{case['links']['progress']}/ratings", json=BAD, headers=headers)
        assert given.status_code == 201


@sqlite
async def test_nobody_rates_the_case_of_another(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient, parts: Parts
) -> None:
    case = await closed(frontend, parts)
    assert code(await rate(stranger, case)) == (404, "not-found")
    assert code(await stranger.get(case["links"]["ratings"])) == (404, "not-found")


# ---- who learns what


@sqlite
async def test_a_department_learns_who_gave_a_named_rating_and_that_is_on_record(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, parts: Parts
) -> None:
    case = await closed(frontend, parts)
    await rate(frontend, case)
    shown = (await officer.get(await the_rating(officer))).json()
    assert (shown["case"], shown["rater"], shown["text"]) == (case["id"], {"name": "示例一"}, "等了两周")
    assert shown["possible"] == ["classify"]
    seen = (await supervisor.get(await the_rating(supervisor))).json()
    assert (seen["case"], seen["text"], "rater" in seen) == (case["id"], "等了两周", False)
    told = (await frontend.get("/v1/me/access-log?limit=100")).json()["items"]
    looks = [(each["role"], each["what"], each.get("fields", [])) for each in told]
    assert ("officer", "rating", ["applicant.name"]) in looks
    assert ("supervisor", "rating", []) in looks


@sqlite
async def test_a_department_cannot_tell_which_case_a_rating_without_a_name_is_of(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient, department: httpx2.AsyncClient, parts: Parts,
    clock: FrozenClock,
) -> None:  # fmt: skip
    case = await closed(frontend, parts)
    given = (await rate(frontend, case, named=False)).json()
    clock.advance(A_DAY)
    where = await the_rating(officer)
    shown = await officer.get(where)
    classified = await act(officer, where, "classify", verdict="valid")
    for told in (shown, classified, await department.get(where), await officer.get("/v1/ratings")):
        for word in (case["id"], case["number"], "示例一", "citizen-1", "T01:00"):
            assert word not in told.text
    assert (shown.json()["text"], shown.json()["rated_on"]) == ("等了两周", "2026-11-23")
    for who in (officer, department):
        assert (await who.get(case["links"]["ratings"])).json()["items"] == []
        events = (await who.get(f"{case['links']['events']}?limit=100")).json()["items"]
        assert [each for each in events if each["type"].startswith("rating.")] == []
    assert given["id"] not in case["id"]


@sqlite
async def test_nothing_moves_in_a_departments_view_of_the_case_when_it_is_rated_and_handled(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient, department: httpx2.AsyncClient, parts: Parts,
    clock: FrozenClock,
) -> None:  # fmt: skip
    case = await closed(frontend, parts)
    before = [await looks(who, case) for who in (officer, department)]
    owners = await looks(frontend, case)
    clock.advance(timedelta(hours=1))
    await rate(frontend, case, named=False)
    await rate(frontend, case, key="a", named=False, stage="acceptance", level=1)
    assert [await looks(who, case) for who in (officer, department)] == before
    clock.advance(A_DAY)
    bad = (await officer.get("/v1/ratings")).json()["items"]
    where = next(each["links"]["self"] for each in bad if each["level"] == 4)
    assert (await act(officer, where, "classify", verdict="valid")).status_code == 200
    assert [await looks(who, case) for who in (officer, department)] == before
    assert await looks(frontend, case) != owners


async def looks(client: httpx2.AsyncClient, case: dict[str, Any]) -> list[object]:
    """Everything by which somebody could tell that something happened to the case."""
    whole, steps = await client.get(case["links"]["self"]), await client.get(case["links"]["steps"])
    seq = whole.json()["seq"]
    events = [(await client.get(f"{case['links']['events']}?since={n}&limit=1")).json() for n in (0, seq)]
    listed = (await client.get("/v1/cases")).json()["items"]
    return [whole.text, whole.headers["etag"], steps.text, steps.headers["etag"], *events, listed]


@sqlite
async def test_a_department_that_waits_is_not_woken_by_a_rating(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient, parts: Parts
) -> None:
    case = await closed(frontend, parts, outcome=Accepted())
    seq = (await officer.get(case["links"]["self"])).json()["seq"]
    given = await rate(frontend, case, named=False, stage="acceptance")
    assert given.status_code == 201
    began = time.monotonic()
    for what in ("self", "events"):
        assert (await officer.get(f"{case['links'][what]}?since={seq}&wait=1")).status_code == 200
    assert time.monotonic() - began >= 1.9


@sqlite
async def test_a_department_sees_a_rating_without_a_name_from_the_next_day_on(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, parts: Parts,
    clock: FrozenClock,
) -> None:  # fmt: skip
    given = (await rate(frontend, await closed(frontend, parts), named=False)).json()
    assert (await officer.get("/v1/ratings")).json()["items"] == []
    assert code(await officer.get(f"/v1/ratings/{given['id']}")) == (404, "not-found")
    assert await the_rating(supervisor) == f"/v1/ratings/{given['id']}"
    clock.advance(A_DAY)
    assert await the_rating(officer) == f"/v1/ratings/{given['id']}"


@sqlite
async def test_an_auditor_sees_that_a_rating_is_there_and_no_words(
    frontend: httpx2.AsyncClient, auditor: httpx2.AsyncClient, parts: Parts
) -> None:
    case = await closed(frontend, parts)
    await rate(frontend, case)
    for where in (await the_rating(auditor), case["links"]["ratings"]):
        told = await auditor.get(where)
        assert (told.status_code, "等了两周" in told.text, "示例一" in told.text) == (200, False, False)


@sqlite
async def test_another_departments_rating_is_not_there(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient, anonymous: httpx2.AsyncClient,
    parts: Parts, database: Database, clock: FrozenClock,
) -> None:  # fmt: skip
    await rate(frontend, await closed(frontend, parts))
    where = await the_rating(officer)
    token = (await keys.create(database, kind="officer", client="police", now=clock.now())).token
    police = acting(anonymous, token)
    assert (await police.get("/v1/ratings")).json()["items"] == []
    assert code(await police.get(where)) == (404, "not-found")
    assert code(await act(police, where, "classify", verdict="valid")) == (404, "not-found")


# ---- handling


async def test_a_bad_rating_is_handled_to_its_end_and_each_move_is_on_record(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, parts: Parts,
    database: Database,
) -> None:  # fmt: skip
    case = await closed(frontend, parts)
    await rate(frontend, case)
    where = await the_rating(officer)
    assert (await act(officer, where, "classify", verdict="mistaken")).json()["state"] == "classified"
    assert (await act(officer, where, "appeal")).json()["state"] == "appealed"
    refused = await act(officer, where, "remove")
    assert code(refused) == (409, "state-conflict")
    assert refused.json()["present"]["state"] == "appealed"
    assert refused.json()["allowed"] == [
        {"action": "remove", "by": ["supervisor"]}, {"action": "dismiss", "by": ["supervisor"]},
    ]  # fmt: skip
    done = await act(supervisor, where, "remove")
    assert (done.json()["state"], done.json()["possible"]) == ("removed", [])
    events = (await frontend.get(f"{case['links']['events']}?limit=100")).json()["items"]
    told = [each["type"] for each in events if each["type"].startswith("rating.")]
    assert told == ["rating.given", "rating.classified", "rating.removed"]
    assert (await record.verify(database)).tamperings == ()
    async with database.read() as connection:
        assert await counts(connection, "department", "2026-11", None) == []


async def test_what_is_late_is_listed_by_itself(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient, parts: Parts, clock: FrozenClock
) -> None:
    # Rated on Monday 23 November 2026: contact is due by the end of Tuesday, 16:00 in UTC.
    await rate(frontend, await closed(frontend, parts, "one"))
    await rate(frontend, await closed(frontend, parts, "two"), key="good", level=2)
    clock.advance(timedelta(hours=38, minutes=59))
    assert (await officer.get("/v1/ratings?overdue=true")).json()["items"] == []
    clock.advance(timedelta(minutes=1))
    (late,) = (await officer.get("/v1/ratings?overdue=true")).json()["items"]
    assert (late["is_overdue"], late["due_at"]) == (True, "2026-11-24T16:00:00.000Z")
    assert len((await officer.get("/v1/ratings?state=submitted")).json()["items"]) == 1


@sqlite
async def test_the_list_goes_on_page_by_page(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient, parts: Parts
) -> None:
    for name in ("one", "two", "three"):
        await rate(frontend, await closed(frontend, parts, name), key=name)
    found: list[str] = []
    address: str | None = "/v1/ratings?limit=2"
    while address:
        page = (await officer.get(address)).json()
        found += [each["id"] for each in page["items"]]
        address = page["links"].get("next")
    assert len(set(found)) == len(found) == 3


@sqlite
async def test_an_act_asks_for_its_own_members_and_no_other(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient, parts: Parts
) -> None:
    await rate(frontend, await closed(frontend, parts))
    where = await the_rating(officer)
    for wrong in (
        {"act": "classify"},
        {"act": "close", "verdict": "valid"},
        {"act": "cheer"},
        {"act": "close", "reason": ""},
    ):
        said = {"reason": "理由", **wrong}
        answer = await officer.post(f"{where}/actions", json=said, headers={"Idempotency-Key": "w"})
        assert code(answer) == (400, "validation"), wrong


async def test_what_was_said_is_erased_with_the_case_and_the_rating_still_counts(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient, parts: Parts, database: Database,
    clock: FrozenClock,
) -> None:  # fmt: skip
    case = await closed(frontend, parts)
    await rate(frontend, case)
    where = await the_rating(officer)
    await erasure.erase(
        database, parts.gate, UUID(case["id"]), basis="retention", actor="system:retention", now=clock.now()
    )
    shown = (await officer.get(where)).json()
    assert ("text" in shown, "rater" in shown, "due_at" in shown) == (False, False, False)
    async with database.read() as connection:
        assert [tuple(each) for each in await counts(connection, "department", "2026-11", None)] == [
            ("health", 4, 1)
        ]
    assert code(await rate(frontend, case, key="later", stage="acceptance")) == (409, "case-erased")


# ---- figures


async def test_figures_agree_with_a_recount_from_the_events(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient, supervisor: httpx2.AsyncClient,
    anonymous: httpx2.AsyncClient, parts: Parts, database: Database, clock: FrozenClock,
) -> None:  # fmt: skip
    for number, level in enumerate((1, 1, 2, 3, 4, 5, 5)):
        case = await closed(frontend, parts, f"c-{number}")
        await rate(frontend, case, key=f"r-{number}", level=level, named=number != 5)
        await rate(frontend, case, key=f"a-{number}", level=1, stage="acceptance", step="certificate")
    assert (await anonymous.get("/v1/rating-figures?month=2026-11")).json()["items"] == []
    clock.advance(A_DAY)
    bad = (await officer.get("/v1/ratings?state=contact_due")).json()["items"]
    worst = next(f"/v1/ratings/{each['id']}" for each in bad if each["level"] == 5)
    for who, what, said in (
        (officer, "classify", {"verdict": "malicious"}), (officer, "appeal", {}), (supervisor, "remove", {}),
    ):  # fmt: skip
        assert (await act(who, worst, what, **said)).status_code == 200
    recount, items = await recounted(database)
    assert recount == {"health": Counter({1: 9, 2: 1, 3: 1, 4: 1, 5: 1})}
    assert items == {"item_certificate": 7}
    for by, of in (("department", "health"), ("bundle", "newborn"), ("jurisdiction", "kunshan")):
        told = (await anonymous.get(f"/v1/rating-figures?month=2026-11&by={by}")).json()
        line = {"of": of, "ratings": 13, "satisfied": 11, "share": 0.846}
        assert (told["items"], told["withheld"]) == ([line], 0)
        assert told["total"] == {**line, "of": "total"}
    told = (await anonymous.get("/v1/rating-figures?month=2026-11&by=item")).json()
    assert told["items"] == [{"of": "item_certificate", "ratings": 7, "satisfied": 7, "share": 1.0}]
    assert (told["total"]["ratings"], told["withheld"]) == (13, 0)


async def recounted(database: Database) -> tuple[dict[str, Counter[int]], Counter[str]]:
    """Ratings by department and level, and by the item of a step, as the events alone tell them."""
    async with database.read() as connection:
        statement = select(tables.event.c.case_id, tables.event.c.type, tables.event.c.data).order_by(
            tables.event.c.case_id, tables.event.c.seq
        )
        events = [
            (row.case_id, row.type, json.loads(row.data)) for row in await connection.execute(statement)
        ]
    given = {(id, data["stage"]): data for id, type, data in events if type == "rating.given"}
    for id, type, data in events:
        if type == "rating.removed":
            del given[id, data["stage"]]
    found: dict[str, Counter[int]] = {}
    for data in given.values():
        found.setdefault(data["department"], Counter())[data["level"]] += 1
    return found, Counter(f"item_{data['about']}" for data in given.values() if "about" in data)


@sqlite
async def test_figures_of_few_are_not_told(
    frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, parts: Parts, clock: FrozenClock
) -> None:
    for number in range(4):
        await rate(frontend, await closed(frontend, parts, f"c-{number}"), key=f"r-{number}")
    clock.advance(A_DAY)
    told = await anonymous.get("/v1/rating-figures?month=2026-11&jurisdiction=suzhou")
    assert told.json() == {
        "month": "2026-11", "by": "department", "jurisdiction": "suzhou", "items": [], "withheld": 1,
    }  # fmt: skip
    assert told.headers["cache-control"] == "public, max-age=60"


@sqlite
@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("month=2026-11&jurisdiction=moon", (404, "not-found")),
        ("month=2026-13", (400, "validation")),
        ("month=2026-11&by=subject", (400, "validation")),
        ("", (400, "validation")),
    ],
)
async def test_figures_of_what_is_not_there(
    anonymous: httpx2.AsyncClient, parts: Parts, query: str, answer: tuple[int, str]
) -> None:
    assert code(await anonymous.get(f"/v1/rating-figures?{query}")) == answer


@sqlite
async def test_whoever_asks_for_figures_again_and_again_costs_one_look(
    anonymous: httpx2.AsyncClient, parts: Parts, database: Database, frontend: httpx2.AsyncClient
) -> None:
    first = await anonymous.get("/v1/rating-figures?month=2026-11")
    await rate(frontend, await closed(frontend, parts))
    async with database.read() as connection:
        assert len((await connection.execute(select(rating_table))).all()) == 1
    assert (await anonymous.get("/v1/rating-figures?month=2026-11")).text == first.text
