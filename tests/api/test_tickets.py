"""Hotline tickets over HTTP: the hotline's system, units, the citizen, supervision; and who tries more."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select

from onenet.api.parts import Parts
from onenet.clock import FrozenClock
from onenet.domain.commands import LetTimePass
from onenet.domain.principal import OF_THE_HOTLINE
from onenet.domain.visibility import EVERYTHING
from onenet.services import cases, erasure, invariants, keys, record
from onenet.services.change import Change
from onenet.services.invariants import Looked
from onenet.store import tables
from onenet.store.database import Database
from onenet.store.ticket_tables import ticket, ticket_unit
from tests.api.conftest import Tokens, acting, submission
from tests.cli.commands import run
from tests.factories import NOW

pytestmark = pytest.mark.anyio
sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""For what depends on no engine."""

TEXT, RETURNED, PART = "示例路 1 号门前路灯已不亮三天", "灯杆归县里管", "车牌已查明"
ANSWER = "灯杆受损，已更换"
SAID: dict[str, Any] = {
    "reference": "SZ20261123000017",
    "jurisdiction": "kunshan",
    "about": "complaint",
    "text": TEXT,
    "place": "示例路 1 号",
    "caller": {"name": "示例一", "phone": "10000000001"},
}
DISPATCH = {"act": "dispatch", "lead": "health", "co_units": ["police"]}
RETURN = {"act": "return", "reason": RETURNED}
GIVE_PART = {"act": "give_part", "words": PART}
ANSWERS = {"act": "answer", "words": ANSWER}
CLOSE = {"act": "close"}
UNSOLVED: dict[str, Any] = {"act": "call_back", "solved": False, "satisfied": False, "words": "又不亮了"}
SOLVED = {"act": "call_back", "solved": True, "satisfied": True}
REOPEN = {"act": "reopen", "reason": "来电人称又不亮"}
REASON = "灯杆在医院界内"
NAME = {"act": "name", "lead": "health", "co_units": ["police"], "reason": REASON}


class People:
    """Everybody who has to do with tickets, by a client of their own."""

    def __init__(self, anonymous: httpx2.AsyncClient, tokens: Tokens, made: Mapping[str, str]):
        self.caller = acting(anonymous, made["hotline"], "caller-1")
        self.hotline = acting(anonymous, made["hotline"])
        self.other = acting(anonymous, made["other"])
        self.health = acting(anonymous, tokens.officer)
        self.health_system = acting(anonymous, tokens.department)
        self.police = acting(anonymous, made["police"])
        self.supervisor = acting(anonymous, tokens.supervisor)
        self.auditor = acting(anonymous, tokens.auditor)
        self.anonymous = anonymous
        self.keys = 0

    async def file(self, **changes: Any) -> httpx2.Response:
        """The hotline takes down what somebody says."""
        return await self.caller.post("/v1/tickets", json=SAID | changes)

    async def act(
        self,
        client: httpx2.AsyncClient,
        of: Mapping[str, Any],
        said: Mapping[str, Any],
        key: str | None = None,
    ) -> httpx2.Response:
        """Does something with a ticket, under a new key."""
        self.keys += 1
        where = "answers" if said["act"] in ("return", "give_part", "answer") else "actions"
        headers = {"Idempotency-Key": key or f"k-{self.keys}"}
        return await client.post(f"/v1/tickets/{of['id']}/{where}", json=said, headers=headers)

    async def do(self, client: httpx2.AsyncClient, of: Mapping[str, Any], *said: Mapping[str, Any]) -> Any:
        """What must succeed; gives the ticket after it."""
        told: Any = None
        for each in said:
            done = await self.act(client, of, each)
            assert done.status_code == 200, (each, done.text)
            told = done.json()
        return told


@pytest.fixture
async def people(
    anonymous: httpx2.AsyncClient, tokens: Tokens, database: Database, clock: FrozenClock
) -> People:
    now = clock.now()

    async def hotline(client: str) -> str:
        scopes = OF_THE_HOTLINE | {"catalogue:read", "cases:read", "cases:write", "content:read"}
        return (await keys.create(database, kind="frontend", client=client, now=now, scopes=scopes)).token

    police = (await keys.create(database, kind="officer", client="police", now=now)).token
    made = {"hotline": await hotline("hotline"), "other": await hotline("other"), "police": police}
    return People(anonymous, tokens, made)


async def filed(people: People, **changes: Any) -> dict[str, Any]:
    made = await people.file(**changes)
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


async def see(client: httpx2.AsyncClient, of: Mapping[str, Any]) -> Any:
    found = await client.get(f"/v1/tickets/{of['id']}")
    return found.json() if found.status_code == 200 else found.status_code


async def numbers(client: httpx2.AsyncClient, query: str = "") -> list[str]:
    return [each["number"] for each in (await client.get(f"/v1/tickets{query}")).json()["items"]]


def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


# ---- the story


async def test_a_ticket_is_returned_named_answered_late_unsolved_reopened_and_solved(
    people: People, parts: Parts, clock: FrozenClock, database: Database
) -> None:
    made = await filed(people)
    assert made["state"] == "received"
    assert (await see(people.hotline, made))["possible"] == ["dispatch"]
    told = await people.do(people.hotline, made, DISPATCH)
    # Monday 23 November, and five working days.
    assert (told["state"], told["due_at"]) == ("dispatched", "2026-11-30T16:00:00.000Z")
    assert (await people.do(people.health, made, RETURN))["state"] == "returned"
    assert await see(people.health, made) == 404, "who returned it sees it no more"
    await people.do(people.hotline, made, NAME)
    assert code(await people.act(people.health, made, RETURN)) == (409, "unit-named")
    await people.do(people.police, made, GIVE_PART)
    clock.advance(timedelta(days=8))
    await parts.gate.submit(Change(UUID(made["id"]), LetTimePass(), "system:worker"))
    await people.do(people.health, made, ANSWERS)
    await people.do(people.hotline, made, CLOSE, UNSOLVED, REOPEN, DISPATCH)
    await people.do(people.health, made, ANSWERS)
    after = await people.do(people.hotline, made, CLOSE, SOLVED)
    assert [each["state"] for each in after["rounds"]] == ["unsolved", "solved"]
    names = ("department", "state", "late", "named")
    assert [tuple(each[name] for name in names) for each in after["rounds"][0]["units"]] == [
        ("health", "returned", False, False),
        ("police", "done", False, True),
        ("health", "done", True, True),
    ]
    case = await cases.get(database, parts.catalogue, UUID(made["id"]), EVERYTHING)
    assert case.state == "completed"
    verdict = await record.verify(database)
    assert (verdict.tamperings, verdict.cases) == ((), 1)


async def test_the_citizen_sees_the_answer_and_no_word_between_units(people: People, parts: Parts) -> None:
    made = await filed(people)
    await people.do(people.hotline, made, DISPATCH)
    await people.do(people.health, made, RETURN)
    await people.do(people.hotline, made, NAME)
    await people.do(people.police, made, GIVE_PART)
    await people.do(people.health, made, ANSWERS)
    here = f"/v1/cases/{made['id']}"

    async def told() -> str:
        return (await people.caller.get(here)).text + (
            await people.caller.get(f"{here}/events?limit=100")
        ).text

    before = await told()
    assert TEXT in before
    assert ANSWER not in before, "an answer is the citizen's once the hotline has closed with it"
    await people.do(people.hotline, made, CLOSE)
    after = await told()
    assert ANSWER in after
    for words in (RETURNED, PART, REASON):
        assert words not in before + after
    own = (await people.caller.get(here)).json()
    assert own["ticket"]["rounds"] == [{"round": 1, "state": "closed", "lead": "health", "answer": ANSWER}]
    assert own["promised_due_at"] == "2026-11-30T16:00:00.000Z"


@sqlite
async def test_who_has_number_and_secret_is_told_what_the_citizen_may_know(
    people: People, parts: Parts, database_url: str
) -> None:
    made = await filed(people)
    said = {"number": made["number"], "secret": made["tracking_secret"]}
    secret = {"Onenet-Tracking-Secret": said["secret"]}
    everywhere: list[str] = []

    async def told() -> tuple[Any, str, str]:
        """By the API, on the page, and on the command line."""
        stands = await people.anonymous.get(f"/v1/progress/{made['number']}", headers=secret)
        entered = await people.anonymous.post("/track?lang=en", data=said)
        cookie = entered.headers["set-cookie"].partition(";")[0]
        page = await people.anonymous.get(entered.headers["location"], headers={"Cookie": cookie})
        shown = run(database_url, "case", "show", made["number"])[1]
        everywhere.extend([stands.text, page.text, shown])
        return stands.json()["ticket"], re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", page.text)), shown

    assert (await told())[0] == {"state": "received", "rounds": [{"round": 1, "state": "received"}]}
    await people.do(people.hotline, made, DISPATCH)
    await people.do(people.health, made, RETURN)
    await people.do(people.hotline, made, NAME)
    await people.do(people.police, made, GIVE_PART)
    stands, page, shown = await told()
    lead = {"code": "health", "names": {"zh": "health", "en": "health"}}
    due_at = "2026-11-30T16:00:00.000Z"
    under_way = {"round": 1, "state": "dispatched", "lead": lead}
    assert stands == {"state": "dispatched", "due_at": due_at, "rounds": [under_way]}
    assert "Round 1 With the unit To be answered until 30 November 2026 health" in page
    assert "dispatched         until 2026-11-30T16:00:00Z" in shown

    await people.do(people.health, made, ANSWERS)
    stands, page, shown = await told()
    assert (stands["state"], "due_at" in stands) == ("answered", False)
    assert ANSWER not in "".join(everywhere), (
        "the answer is the citizen's once the hotline has closed with it"
    )

    await people.do(people.hotline, made, CLOSE, UNSOLVED, REOPEN)
    stands, page, shown = await told()
    first, second = stands["rounds"]
    assert (first["answer"], first["call_back"]["solved"], "words" in first["call_back"]) == (
        ANSWER, False, False,
    )  # fmt: skip
    assert second == {"round": 2, "state": "received"}
    assert f"The answer: {ANSWER} Called back on 23 November 2026: not solved, not satisfied" in page
    assert f"answer: {ANSWER}" in shown
    private: list[Any] = [TEXT, RETURNED, PART, REASON, REOPEN["reason"], UNSOLVED["words"], "示例一"]
    assert [words for words in private for each in everywhere if words in each] == []


@sqlite
async def test_everybody_is_told_the_own_moves_and_where_they_are_made(people: People) -> None:
    made = await filed(people)
    await people.do(people.hotline, made, DISPATCH)
    here = f"/v1/tickets/{made['id']}"
    told = {
        "hotline": (["extend"], {"self": here, "actions": f"{here}/actions"}),
        "health": (["return", "answer"], {"self": here, "answers": f"{here}/answers"}),
        "police": (["return", "give_part"], {"self": here, "answers": f"{here}/answers"}),
        "supervisor": ([], {"self": here}),
    }
    for name, (possible, links) in told.items():
        seen = await see(getattr(people, name), made)
        assert (seen["possible"], seen["links"]) == (possible, links), name
    listed = (await people.police.get("/v1/tickets")).json()["items"]
    assert listed[0]["links"] == told["police"][1]
    extend = {"act": "extend", "days": 2, "approved_by": "值班主任", "reason": "部件须订购"}
    assert (await people.do(people.hotline, made, extend))["possible"] == []
    refused = await people.act(people.hotline, made, CLOSE)
    offered = {"action": "answer", "by": ["lead"]}
    assert (refused.status_code, offered in refused.json()["allowed"]) == (409, True)


@sqlite
async def test_units_learn_what_concerns_them(people: People) -> None:
    made = await filed(people)
    await people.do(people.hotline, made, DISPATCH)
    await people.do(people.police, made, GIVE_PART)
    lead, co = await see(people.health, made), await see(people.police, made)
    assert lead["caller"] == SAID["caller"], "somebody has to ring up"
    assert [each.get("words") for each in lead["rounds"][0]["units"]] == [None, PART]
    await people.do(people.health, made, ANSWERS)
    co = await see(people.police, made)
    assert [each.get("words") for each in co["rounds"][0]["units"]] == [ANSWER, PART]
    looked = await see(people.supervisor, made)
    assert {"text", "place", "caller"} & looked.keys() == set()
    assert [each.get("words") for each in looked["rounds"][0]["units"]] == [ANSWER, PART]
    assert ANSWER not in str(await see(people.auditor, made))


@sqlite
async def test_supervision_reads_what_units_said_and_not_what_the_caller_did(people: People) -> None:
    made = await filed(people)
    await people.do(people.hotline, made, DISPATCH)
    await people.do(people.health, made, ANSWERS)
    await people.do(people.hotline, made, CLOSE, UNSOLVED)
    case = f"/v1/cases/{made['id']}"
    shown = (f"/v1/tickets/{made['id']}", case, f"{case}/events?limit=100")
    for path in shown:
        told = (await people.supervisor.get(path)).text
        assert ANSWER in told
        assert UNSOLVED["words"] not in told
        assert UNSOLVED["words"] not in (await people.auditor.get(path)).text
    assert UNSOLVED["words"] in str(await see(people.hotline, made))
    for path in shown[1:]:
        assert UNSOLVED["words"] in (await people.caller.get(path)).text


# ---- once


async def test_one_number_of_the_hotline_is_one_ticket(people: People, database: Database) -> None:
    first, again = await people.file(), await people.file()
    assert (first.status_code, first.text) == (201, again.text)
    assert code(await people.file(text="另一件事")) == (409, "ticket-known")
    async with database.transaction() as connection:
        await connection.execute(tables.idempotency_key.delete())
    long_after = await people.file()
    assert (long_after.status_code, long_after.json()["id"]) == (200, first.json()["id"])
    assert "tracking_secret" not in long_after.json()
    assert code(await people.file(caller={"name": "示例二", "phone": "10000000002"})) == (409, "ticket-known")
    async with database.read() as connection:
        assert len((await connection.execute(select(ticket))).all()) == 1


async def test_a_number_filed_by_many_at_once_is_one_ticket(people: People, database: Database) -> None:
    said = [SAID, SAID, {**SAID, "text": "另一件事"}, SAID]
    made = await asyncio.gather(*(people.caller.post("/v1/tickets", json=each) for each in said))
    assert Counter(each.status_code for each in made) in (
        Counter({201: 3, 409: 1}),
        Counter({201: 1, 409: 3}),
    )
    async with database.read() as connection:
        assert len((await connection.execute(select(tables.cases.c.id))).all()) == 1


@sqlite
async def test_another_hotline_has_numbers_of_its_own(people: People) -> None:
    made = await filed(people)
    other = await people.other.post("/v1/tickets", json=SAID, headers={"Onenet-Subject": "caller-1"})
    assert (other.status_code, other.json()["id"] == made["id"]) == (201, False)
    assert await see(people.other, made) == 404
    assert await numbers(people.other) == [other.json()["number"]]


@sqlite
async def test_what_a_unit_sent_is_answered_again_under_its_key_though_it_sees_it_no_more(
    people: People,
) -> None:
    made = await filed(people)
    await people.do(people.hotline, made, DISPATCH)
    first = await people.act(people.health, made, RETURN, "r")
    again = await people.act(people.health, made, RETURN, "r")
    assert (again.status_code, again.text) == (200, first.text)
    assert TEXT not in first.text


# ---- who tries more than is theirs


@sqlite
@pytest.mark.parametrize("said", [RETURN, GIVE_PART, ANSWERS])
async def test_a_unit_that_has_no_part_finds_nothing(people: People, said: dict[str, Any]) -> None:
    made = await filed(people)
    await people.do(people.hotline, made, {**DISPATCH, "co_units": []})
    foreign = await people.act(people.police, made, said)
    missing = await people.act(people.police, {"id": "0" * 8 + made["id"][8:]}, said)
    assert foreign.status_code == missing.status_code == 404
    assert {**foreign.json(), "instance": "", "trace_id": ""} == {
        **missing.json(),
        "instance": "",
        "trace_id": "",
    }
    assert await numbers(people.police) == []
    assert await see(people.police, made) == 404


async def test_of_two_answers_at_once_one_counts(people: People) -> None:
    made = await filed(people)
    await people.do(people.hotline, made, {**DISPATCH, "co_units": []})
    twice = [people.act(each, made, RETURN) for each in (people.health, people.health_system)]
    assert sorted(each.status_code for each in await asyncio.gather(*twice)) in ([200, 404], [200, 409])
    units = (await see(people.hotline, made))["rounds"][0]["units"]
    assert [each["state"] for each in units] == ["returned"]


@sqlite
async def test_what_is_done_is_not_done_twice(people: People) -> None:
    made = await filed(people)
    assert code(await people.act(people.hotline, made, REOPEN)) == (409, "state-conflict")
    await people.do(people.hotline, made, DISPATCH)
    assert code(await people.act(people.hotline, made, REOPEN)) == (409, "state-conflict")
    assert code(await people.act(people.hotline, made, DISPATCH)) == (409, "state-conflict")
    await people.do(people.health, made, ANSWERS)
    await people.do(people.hotline, made, CLOSE, SOLVED)
    again = await people.act(people.hotline, made, UNSOLVED)
    assert code(again) == (409, "state-conflict")
    assert again.json()["present"] == {"case": "completed", "ticket": "solved", "round": 1}
    assert again.json()["allowed"] == []
    assert code(await people.act(people.hotline, made, REOPEN)) == (409, "state-conflict")


@sqlite
async def test_the_time_is_lengthened_once_and_the_citizen_is_told_why(people: People) -> None:
    made = await filed(people)
    longer = {"act": "extend", "days": 5, "approved_by": "热线负责人", "reason": "灯杆须订制"}
    assert code(await people.act(people.hotline, made, longer)) == (409, "no-limit-running")
    await people.do(people.hotline, made, DISPATCH)
    assert (await people.do(people.hotline, made, longer))["due_at"] == "2026-12-07T16:00:00.000Z"
    assert code(await people.act(people.hotline, made, longer)) == (409, "extension-repeated")
    shown = (await people.caller.get(f"/v1/cases/{made['id']}/deadline")).json()
    assert shown["promised"]["extension"]["reason"] == "灯杆须订制"
    assert sum("number" in day for day in shown["promised"]["days"]) == 10


@sqlite
@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({**DISPATCH, "lead": "nobody"}, "/lead"),
        ({**DISPATCH, "co_units": ["police", "nobody"]}, "/co_units/1"),
    ],
)
async def test_a_ticket_is_given_to_departments_alone(
    people: People, said: dict[str, Any], pointer: str
) -> None:
    refused = await people.act(people.hotline, await filed(people), said)
    assert (*code(refused), refused.json()["errors"][0]["pointer"]) == (409, "unknown-reference", pointer)


@sqlite
async def test_a_ticket_names_only_a_case_that_its_caller_may_see(
    people: People, frontend: httpx2.AsyncClient
) -> None:
    made = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "a"})
    headers = {"Idempotency-Key": "b"}
    own = await people.caller.post("/v1/cases", json=submission(), headers=headers)
    foreign = await people.file(case_number=made.json()["number"])
    missing = await people.file(case_number="32058320261123999999")
    for each in (foreign, missing):
        assert (*code(each), each.json()["errors"][0]["pointer"]) == (
            409,
            "unknown-reference",
            "/case_number",
        )
    found = await filed(people, case_number=own.json()["number"])
    assert (await see(people.hotline, found))["case_number"] == own.json()["number"]
    assert (await people.caller.get(f"/v1/cases/{found['id']}")).json()["ticket"]["case_number"]


@sqlite
async def test_nobody_applies_for_a_ticket_as_for_a_bundle(frontend: httpx2.AsyncClient) -> None:
    body = submission(bundle="hotline_12345", answers={}, form={}, materials=[])
    for version in ({}, {"version": 0}, {"version": 1}):
        made = await frontend.post(
            "/v1/cases", json=body | version, headers={"Idempotency-Key": str(version)[:9]}
        )
        assert made.status_code in (400, 409), made.text


@sqlite
async def test_the_caller_may_take_it_back(people: People) -> None:
    made = await filed(people)
    await people.do(people.hotline, made, DISPATCH)
    headers = {"Idempotency-Key": "w"}
    gone = await people.caller.post(f"/v1/cases/{made['id']}/withdrawal", json={}, headers=headers)
    assert gone.status_code == 200, gone.text
    assert (await see(people.health, made))["state"] == "withdrawn"
    assert code(await people.act(people.health, made, ANSWERS)) == (409, "state-conflict")


# ---- supervision and figures


async def a_year_of_tickets(people: People, parts: Parts, clock: FrozenClock) -> list[dict[str, Any]]:
    """Six tickets that went six ways."""
    made = [await filed(people, reference=f"R-{number}", about="help") for number in range(6)]
    for each in made[:5]:
        await people.do(people.hotline, each, DISPATCH)
    await people.do(people.health, made[0], RETURN)
    for each in made[1:4]:
        await people.do(people.health, each, ANSWERS)
        await people.do(people.hotline, each, CLOSE)
    await people.do(people.hotline, made[1], SOLVED)
    await people.do(people.hotline, made[2], {**SOLVED, "satisfied": False})
    await people.do(people.hotline, made[3], UNSOLVED)
    clock.advance(timedelta(days=8))
    await parts.gate.submit(Change(UUID(made[4]["id"]), LetTimePass(), "system:worker"))
    return made


async def test_supervision_lists_what_was_returned_is_late_or_unsolved(
    people: People, parts: Parts, clock: FrozenClock
) -> None:
    made = await a_year_of_tickets(people, parts, clock)
    lists = {"returned": [made[0]], "late": [made[4]], "unsolved": [made[3]]}
    for concern, expected in lists.items():
        assert await numbers(people.supervisor, f"?concern={concern}") == [
            each["number"] for each in expected
        ]
    assert await numbers(people.hotline, "?state=received") == [made[5]["number"]]
    assert await numbers(people.health, "?at_work=true") == [made[4]["number"]]
    assert sorted(await numbers(people.police, "?at_work=true")) == sorted(
        [made[0]["number"], made[4]["number"]]
    )
    assert await numbers(people.health, "?concern=returned") == []


async def test_pages_of_tickets_follow_one_another(people: People) -> None:
    made = [await filed(people, reference=f"R-{number}") for number in range(5)]
    found: list[str] = []
    where = "/v1/tickets?limit=2"
    while where:
        shown = (await people.hotline.get(where)).json()
        found += [each["number"] for each in shown["items"]]
        where = shown["links"].get("next", "")
    assert sorted(found) == sorted(each["number"] for each in made)


async def test_figures_are_those_of_a_recount_from_the_events(
    people: People, parts: Parts, clock: FrozenClock, database: Database
) -> None:
    made = await a_year_of_tickets(people, parts, clock)
    shown = (await people.supervisor.get("/v1/ticket-figures?month=2026-11")).json()["items"]
    told = {line.pop("department"): Counter({k: v for k, v in line.items() if v}) for line in shown}
    counted: dict[str, Counter[str]] = {"health": Counter(), "police": Counter()}
    for each in made:
        for event in await cases.events(database, UUID(each["id"]), 0, 1_000):
            count(event.type, event.content(), counted)
    assert told == counted
    assert told["health"] == Counter(
        assigned=5, done=3, returned=1, late=1, solved=2, unsolved=1, satisfied=1, dissatisfied=2
    )
    own = (await people.police.get("/v1/ticket-figures?month=2026-11")).json()["items"]
    assert [line["department"] for line in own] == ["police"]
    (own,) = (await people.health.get("/v1/ticket-figures?month=2026-11")).json()["items"]
    assert own["returned"] == 1, "also of what it sees no more"
    assert (await people.supervisor.get("/v1/ticket-figures?month=2026-10")).json()["items"] == []


def count(type: str, said: Mapping[str, Any], counted: dict[str, Counter[str]]) -> None:
    match type:
        case "ticket.dispatched":
            for unit in said["units"]:
                counted[unit]["assigned"] += 1
        case "ticket.returned":
            counted[said["department"]]["returned"] += 1
        case "ticket.part_given" | "ticket.answered":
            counted[said["department"]]["done"] += 1
        case "ticket.overdue":
            for unit in said["units"]:
                counted[unit]["late"] += 1
        case "ticket.called_back":
            counted[said["lead"]]["solved" if said["is_solved"] else "unsolved"] += 1
            counted[said["lead"]]["satisfied" if said["is_satisfied"] else "dissatisfied"] += 1
        case _:
            pass


# ---- on disk


async def test_what_was_said_is_sealed_and_can_be_erased_and_the_figures_stay(
    people: People, parts: Parts, database: Database, clock: FrozenClock
) -> None:
    made = await filed(people)
    await people.do(people.hotline, made, DISPATCH)
    await people.do(people.health, made, ANSWERS)
    await people.do(people.hotline, made, CLOSE, SOLVED)
    id = UUID(made["id"])
    await erasure.erase(database, parts.gate, id, basis="request", actor="a", now=clock.now())
    case = await cases.get(database, parts.catalogue, id, EVERYTHING)
    assert case.content.procedures == ()
    assert (await record.verify(database)).tamperings == ()
    async with database.read() as connection:
        assert (await connection.execute(select(ticket.c.state))).scalar() == "solved"
        assert len((await connection.execute(select(ticket_unit))).all()) == 2
    assert await numbers(people.hotline) == [made["number"]]
    assert TEXT not in str(await see(people.hotline, made))
    assert await see(people.health, made) == 404


async def test_a_filing_repeated_after_erasure_gives_out_no_word_of_it(
    people: People, parts: Parts, clock: FrozenClock
) -> None:
    made = await filed(people)
    await people.do(people.hotline, made, DISPATCH)
    await people.do(people.health, made, ANSWERS)
    await people.do(people.hotline, made, CLOSE, SOLVED)
    of: Any = {"basis": "request", "actor": "a", "now": clock.now()}
    await erasure.erase(parts.database, parts.gate, UUID(made["id"]), **of)
    again = await people.file()
    assert (again.status_code, again.json()["id"]) == (201, made["id"]), "its number opens no other case"
    for said in (TEXT, SAID["place"], *SAID["caller"].values()):
        assert said not in again.text


async def test_no_invariant_is_hurt_by_a_case_without_steps(
    people: People, parts: Parts, database: Database
) -> None:
    made = await filed(people)
    await people.do(people.hotline, made, DISPATCH)
    id = UUID(made["id"])
    case = await cases.get(database, parts.catalogue, id, EVERYTHING)
    events = await cases.events(database, id, 0, 100)
    assert list(invariants.check_case(Looked(case, events, [], [], is_numbered=True))) == []
    assert case.timing.next_due_at == datetime(2026, 11, 27, 16, tzinfo=NOW.tzinfo), "yellow, a day before"
