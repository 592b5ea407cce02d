"""The desk over HTTP: the work-list, one clerk for a task, and answers in every department's words."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from onenet.adapters.transport import Transport
from onenet.api.parts import Parts
from onenet.clock import FrozenClock
from onenet.domain.bundle import Limit
from onenet.domain.principal import PERMISSIONS, Principal, Role
from onenet.errors import Unauthenticated
from onenet.services import endpoints, keys, record, steps
from onenet.services.endpoints import Wanted
from onenet.services.identity import Identity
from onenet.store import queue
from onenet.store.database import Database
from tests.api.conftest import acting, city_bundle, publish, submission

pytestmark = pytest.mark.anyio
sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""For what depends on no engine."""


class People(Identity):
    """Tokens of people, said as `officer.health.z-1`: who the issuer vouches for, without an issuer."""

    async def principal(self, credential: str, address: str, shown: Any = None) -> Principal:
        try:
            return await super().principal(credential, address, shown)
        except Unauthenticated:
            role, department, subject, *area = credential.split(".")
        found = Role(role)
        return Principal(
            found, "city-id", PERMISSIONS[found], subject,
            department=department or None, jurisdictions=frozenset(area),
        )  # fmt: skip


class Clerk:
    """Somebody at the desk. Each act has a key of its own, if none is given."""

    def __init__(self, client: httpx2.AsyncClient):
        self.client = client
        self._acts = 0

    async def tasks(self, **query: Any) -> list[dict[str, Any]]:
        answer = await self.client.get("/v1/desk/tasks", params=query)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def show(self, task: str) -> httpx2.Response:
        return await self.client.get(f"/v1/desk/tasks/{task}")

    async def do(
        self, task: str, what: str, key: str = "", if_match: str = "", **said: Any
    ) -> httpx2.Response:
        self._acts += 1
        headers = {"Idempotency-Key": key or f"{what}-{self._acts}"}
        if if_match:
            headers["If-Match"] = if_match
        return await self.client.post(f"/v1/desk/tasks/{task}/{what}", json=said, headers=headers)

    async def claim(self, task: str, **said: Any) -> httpx2.Response:
        return await self.do(task, "claims", **said)

    async def answer(self, task: str, outcome: str, **said: Any) -> httpx2.Response:
        return await self.do(task, "answers", outcome=outcome, **said)


@pytest.fixture
async def parts(parts: Parts, database: Database, clock: FrozenClock) -> Parts:
    """The health department has no system."""
    await endpoints.register(database, Wanted("department", "health", adapter="desk"), clock.now())
    object.__setattr__(parts, "identity", People(parts.identity.keyring, parts.identity._tokens))
    return parts


@pytest.fixture
def people(anonymous: httpx2.AsyncClient) -> Any:
    return lambda said: Clerk(acting(anonymous, said))


@pytest.fixture
def zhang(people: Any) -> Clerk:
    found: Clerk = people("officer.health.z-1")
    return found


@pytest.fixture
def li(people: Any) -> Clerk:
    found: Clerk = people("officer.health.z-2")
    return found


async def work(parts: Parts) -> None:
    """A worker does what is due."""
    async with Transport() as transport:
        for claimed in await steps.claim(parts.database, queue.TASKS, parts.machine_clock, 50):
            await steps.dispatch(parts.gate, transport, parts.machine_clock, claimed)


async def apply(frontend: httpx2.AsyncClient, parts: Parts, key: str = "k", **changes: Any) -> dict[str, Any]:
    """A new case, whose certificate lies at the desk."""
    made = await frontend.post("/v1/cases", json=submission(**changes), headers={"Idempotency-Key": key})
    assert made.status_code == 202, made.text
    await work(parts)
    found: dict[str, Any] = made.json()
    return found


async def step(frontend: httpx2.AsyncClient, case: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await frontend.get(case["links"]["self"])).json()["steps"][0]
    return found


def problem(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


async def test_a_task_lies_at_the_desk_is_claimed_accepted_and_completed(
    frontend: httpx2.AsyncClient, zhang: Clerk, parts: Parts
) -> None:
    case = await apply(frontend, parts)
    assert (await step(frontend, case))["waiting"]["reason"] == "at_desk"
    (found,) = await zhang.tasks()
    assert (found["number"], found["step"], found["possible"]) == (case["number"], "certificate", ["claim"])
    shown = (await zhang.show(found["task"])).json()
    assert shown["sheet"]["form"]["child_name"] == "示例宝"
    claimed = await zhang.claim(found["task"])
    assert (claimed.status_code, claimed.json()["claimed_by"]) == (200, "officer:city-id/z-1")
    assert (await step(frontend, case))["waiting"]["reason"] == "with_clerk"
    accepted = await zhang.answer(found["task"], "accepted")
    assert accepted.json()["state"] == "accepted"
    result = {"code": "birth_certificate", "number": "O320000001", "facts": {"page": 2}}
    done = await zhang.answer(found["task"], "completed", results=[result], opinion="准予办理")
    assert (done.status_code, done.json()["state"]) == (200, "completed")
    assert done.json()["possible"] == ["recalled", "revoked"]
    certificate = await step(frontend, case)
    assert (certificate["results"], certificate["opinion"]) == ([result | {"state": "issued"}], "准予办理")
    assert await zhang.tasks() == []
    none = await zhang.answer(found["task"], "revoked", reason="虚假材料", results=["another"])
    assert problem(none) == (409, "unknown-reference")
    revoked = await zhang.answer(found["task"], "revoked", reason="虚假材料")
    assert (revoked.status_code, revoked.json()["state"], revoked.json()["possible"]) == (
        200,
        "completed",
        [],
    )
    (shown,) = (await step(frontend, case))["results"]
    assert (shown["state"], shown["state_reason"], shown["state_on"]) == ("revoked", "虚假材料", "2026-11-23")
    assert (await record.verify(parts.database)).tamperings == ()


@sqlite
async def test_the_second_clerk_is_told_since_when_and_by_whom(
    frontend: httpx2.AsyncClient, zhang: Clerk, li: Clerk, parts: Parts
) -> None:
    await apply(frontend, parts)
    (task,) = [each["task"] for each in await zhang.tasks()]
    await zhang.claim(task)
    for refused in (await li.claim(task), await li.answer(task, "accepted")):
        assert problem(refused) == (409, "state-conflict")
        assert refused.json()["present"] == {
            "case": "received",
            "step": "certificate",
            "state": "dispatched",
            "claimed_by": "officer:city-id/z-1",
            "claimed_at": "2026-11-23T01:00:00.000Z",
            "possible": [],
        }


async def test_of_fifty_clerks_at_once_exactly_one_has_the_task(
    frontend: httpx2.AsyncClient, people: Any, parts: Parts
) -> None:
    await apply(frontend, parts)
    clerks = [people(f"officer.health.z-{number}") for number in range(50)]
    (task,) = [each["task"] for each in await clerks[0].tasks()]
    answers = await asyncio.gather(*(clerk.claim(task) for clerk in clerks))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 49
    (winner,) = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    decided = await asyncio.gather(*(clerk.answer(task, "completed") for clerk in clerks))
    assert [number for number, answer in enumerate(decided) if answer.status_code == 200] == [winner]


async def test_an_act_that_is_sent_again_is_answered_again_and_not_done_again(
    frontend: httpx2.AsyncClient, zhang: Clerk, li: Clerk, parts: Parts
) -> None:
    """Also the last one, after which nothing is possible any more."""
    case = await apply(frontend, parts)
    (task,) = [each["task"] for each in await zhang.tasks()]
    await zhang.claim(task)
    first = await zhang.answer(task, "completed", key="once")
    again = await zhang.answer(task, "completed", key="once")
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    other = await zhang.answer(task, "rejected", key="once", reason_code="refused", reason="否")
    assert other.status_code == 422
    assert problem(await zhang.answer(task, "completed", key="twice")) == (409, "state-conflict")
    assert (await step(frontend, case))["state"] == "completed"


@sqlite
async def test_who_acts_on_an_old_view_is_told_to_look_again(
    frontend: httpx2.AsyncClient, zhang: Clerk, li: Clerk, parts: Parts
) -> None:
    await apply(frontend, parts)
    (task,) = [each["task"] for each in await zhang.tasks()]
    old = (await zhang.show(task)).headers["etag"]
    claimed = await zhang.claim(task, if_match=old)
    assert claimed.status_code == 200
    assert problem(await zhang.answer(task, "accepted", if_match=old)) == (412, "precondition-failed")
    foreign = (await li.show(task)).headers["etag"]
    assert (await zhang.answer(task, "accepted", if_match=foreign)).status_code == 412
    assert (await zhang.answer(task, "accepted", if_match=claimed.headers["etag"])).status_code == 200
    assert (await zhang.answer(task, "completed", if_match="*")).status_code == 200


async def test_a_supplement_is_asked_for_and_comes_back_under_a_new_task(
    frontend: httpx2.AsyncClient, zhang: Clerk, parts: Parts
) -> None:
    case = await apply(frontend, parts)
    (task,) = [each["task"] for each in await zhang.tasks()]
    await zhang.claim(task)
    requests = [{"kind": "material", "code": "record", "reason": "看不清"}]
    over = await zhang.answer(task, "supplement_needed", requests=requests, due_on="2026-11-22")
    assert problem(over) == (409, "date-not-possible")
    assert over.json()["errors"][0]["pointer"] == "/due_on"
    asked = await zhang.answer(task, "supplement_needed", requests=requests, due_on="2026-12-01", key="s")
    assert asked.json()["waiting"]["reason"] == "supplement"
    supplement = {"step": "certificate", "materials": [{"code": "record", "reference": "again"}]}
    await frontend.post(case["links"]["supplements"], json=supplement, headers={"Idempotency-Key": "s"})
    await work(parts)
    (mine,) = await zhang.tasks(claim="mine")
    assert (mine["submission"], mine["state"], mine["task"] != task) == (2, "dispatched", True)
    replay = await zhang.answer(task, "supplement_needed", requests=requests, due_on="2026-12-01", key="s")
    assert replay.content == asked.content
    assert problem(await zhang.answer(task, "completed")) == (409, "state-conflict")
    assert (await zhang.show(task)).json()["possible"] == []
    assert (await zhang.answer(mine["task"], "completed")).status_code == 200


@sqlite
async def test_a_hearing_stops_the_step_and_a_refusal_says_why(
    frontend: httpx2.AsyncClient, zhang: Clerk, parts: Parts
) -> None:
    case = await apply(frontend, parts)
    (task,) = [each["task"] for each in await zhang.tasks()]
    await zhang.claim(task)
    await zhang.answer(task, "accepted")
    hearing = await zhang.answer(
        task,
        "suspended",
        procedure="hearing",
        reason="利害关系人申请",
        expected={"number": 20, "unit": "workdays"},
    )
    assert hearing.json()["possible"] == ["resumed", "hand_over", "release"]
    assert problem(await zhang.answer(task, "completed")) == (409, "state-conflict")
    await zhang.answer(task, "resumed")
    missing = await zhang.answer(task, "rejected", reason_code="refused")
    assert (missing.status_code, missing.json()["errors"][0]["pointer"]) == (400, "/reason")
    await zhang.answer(task, "rejected", reason_code="refused", reason="不符合条件")
    assert (await step(frontend, case))["reason"] == "不符合条件"


@sqlite
async def test_a_clerk_lengthens_a_limit_once_and_leads_a_hearing(
    frontend: httpx2.AsyncClient, zhang: Clerk, parts: Parts, clock: FrozenClock
) -> None:
    bundle = city_bundle()
    members = tuple(replace(each, statutory=Limit(20, "workdays")) for each in bundle.members)
    await publish(parts.database, replace(bundle, version=2, members=members))
    case = await apply(frontend, parts)
    (task,) = [each["task"] for each in await zhang.tasks()]
    await zhang.claim(task)
    accepted = await zhang.answer(task, "accepted")
    assert {"extended", "hearing_told"} < set(accepted.json()["possible"])
    more = {"days": 10, "approved_by": "局长", "reason": "专家外出"}
    assert (await zhang.answer(task, "extended", **more)).status_code == 200
    for again in (more, more | {"days": 5}):
        assert problem(await zhang.answer(task, "extended", **again)) == (409, "extension-repeated")
    assert (await zhang.answer(task, "hearing_told", reason="邻里利益重大")).status_code == 200
    asked = {"step": "certificate", "action": "ask"}
    wish = await frontend.post(
        f"{case['links']['self']}/hearings", json=asked, headers={"Idempotency-Key": "wish"}
    )
    assert wish.status_code == 200, wish.text
    assert (await zhang.show(task)).json()["possible"][0] == "hearing_set"
    for over in ("resumed", "completed"):
        assert problem(await zhang.answer(task, over)) == (409, "hearing-ahead")
    late = await zhang.answer(task, "hearing_set", on="2026-12-08", place="三楼听证室")
    assert late.status_code == 200, late.text
    assert late.json()["possible"][:2] == ["hearing_set", "hearing_held"]
    ahead = await zhang.answer(task, "hearing_held", minutes="未举行")
    assert problem(ahead) == (409, "hearing-ahead")
    clock.advance(timedelta(days=15))
    held = await zhang.answer(task, "hearing_held", minutes="各方意见均已记录")
    assert held.json()["state"] == "accepted"
    found = await step(frontend, case)
    assert (found["hearing"]["state"], found["hearing"]["minutes"]) == ("held", "各方意见均已记录")


@sqlite
async def test_codes_that_the_item_does_not_name_are_told_with_their_place(
    frontend: httpx2.AsyncClient, zhang: Clerk, parts: Parts
) -> None:
    await apply(frontend, parts)
    (task,) = [each["task"] for each in await zhang.tasks()]
    await zhang.claim(task)
    wrong = [
        await zhang.answer(task, "completed", results=[{"code": "birth_certificat"}]),
        await zhang.answer(
            task, "supplement_needed", requests=[{"kind": "field", "code": "record", "reason": "x"}]
        ),
        await zhang.do(task, "handovers", to="officer:police", reason="x"),
        await zhang.answer(task, "completed", results=[{"code": "birth_certificate", "number": "1"}] * 2),
    ]
    assert [(problem(each), each.json()["errors"][0]["pointer"]) for each in wrong] == [
        ((409, "unknown-reference"), "/results/0/code"),
        ((409, "unknown-reference"), "/requests/0/code"),
        ((409, "unknown-reference"), "/to"),
        ((409, "form-invalid"), "/results/1"),
    ]


@sqlite
async def test_the_answers_of_a_clerk_are_read_as_those_of_a_department(zhang: Clerk) -> None:
    """A task or a count in an answer is a system's, and here nobody's."""
    for surplus in ({"task": "tsk_x"}, {"seq": 1}):
        said = {"outcome": "accepted", **surplus}
        path = f"/v1/desk/tasks/tsk_{'0' * 26}/answers"
        refused = await zhang.client.post(path, json=said, headers={"Idempotency-Key": "k"})
        assert refused.status_code == 400


# ---- the work-list


async def test_the_list_is_in_the_order_of_age_with_filters_and_pages(
    frontend: httpx2.AsyncClient, zhang: Clerk, li: Clerk, parts: Parts, clock: FrozenClock
) -> None:
    numbers = []
    for number in range(5):
        numbers.append((await apply(frontend, parts, f"k-{number}"))["number"])
        clock.advance(timedelta(seconds=1))
    found = await zhang.tasks()
    assert [each["number"] for each in found] == numbers
    await zhang.claim(found[1]["task"])
    await li.claim(found[3]["task"])
    await li.answer(found[3]["task"], "accepted")

    async def listed(clerk: Clerk, **query: Any) -> list[int]:
        return [numbers.index(each["number"]) for each in await clerk.tasks(**query)]

    assert await listed(zhang, claim="none") == [0, 2, 4]
    assert await listed(zhang, claim="mine") == [1]
    assert await listed(li, claim="mine") == [3]
    assert await listed(li, state="accepted") == [3]
    assert await listed(li, state="accepted", claim="none") == []
    path, pages = "/v1/desk/tasks?limit=2", []
    while path:
        page = (await zhang.client.get(path)).json()
        pages.append([numbers.index(each["number"]) for each in page["items"]])
        path = page["links"].get("next", "")
    assert pages == [[0, 1], [2, 3], [4]]


@sqlite
async def test_a_cursor_of_another_filter_or_clerk_is_refused(
    frontend: httpx2.AsyncClient, zhang: Clerk, li: Clerk, parts: Parts
) -> None:
    for number in range(2):
        await apply(frontend, parts, f"k-{number}")
    cursor = (await zhang.client.get("/v1/desk/tasks?limit=1")).json()["next_cursor"]
    for clerk, query in ((zhang, {"claim": "none"}), (li, {})):
        answer = await clerk.client.get("/v1/desk/tasks", params={**query, "cursor": cursor})
        assert problem(answer) == (400, "bad-cursor")


# ---- whose it is


@sqlite
async def test_another_departments_clerk_is_told_that_there_is_no_such_task(
    frontend: httpx2.AsyncClient, zhang: Clerk, people: Any, parts: Parts
) -> None:
    """He has a step in the same case; and one who has is told the same of a task that never was."""
    await apply(frontend, parts)
    (task,) = [each["task"] for each in await zhang.tasks()]
    strangers = [
        people("officer.police.z-1"),
        people("officer.bank.z-1"),
        people("officer.health.z-1.suzhou-x"),
    ]
    answers = []
    for stranger in strangers:
        assert await stranger.tasks() == []
        for key in (task, f"tsk_{'0' * 26}"):
            answers += [await stranger.show(key), await stranger.claim(key)]
            answers += [await stranger.answer(key, "completed"), await stranger.do(key, "releases")]
    assert {problem(answer) for answer in answers} == {(404, "not-found")}
    assert {answer.json().get("detail") for answer in answers} == {None}


async def test_an_officer_sees_only_the_cases_of_the_own_jurisdictions(
    frontend: httpx2.AsyncClient, people: Any, parts: Parts
) -> None:
    county = await apply(frontend, parts, "county")
    await apply(frontend, parts, "city", jurisdiction="suzhou")
    here = people("officer.health.z-1.kunshan")
    assert [each["number"] for each in await here.tasks()] == [county["number"]]
    page = (await here.client.get("/v1/desk/tasks?limit=1")).json()
    assert "next_cursor" not in page  # it would tell that there is another one
    everywhere = await people("officer.health.z-1").tasks()
    city = next(each["task"] for each in everywhere if each["number"] != county["number"])
    assert problem(await here.claim(city)) == (404, "not-found")


@sqlite
async def test_a_supervisor_sees_every_desk_and_nothing_that_was_said_and_takes_over_for_a_reason(
    frontend: httpx2.AsyncClient, zhang: Clerk, people: Any, parts: Parts
) -> None:
    await apply(frontend, parts)
    (task,) = [each["task"] for each in await zhang.tasks()]
    await zhang.claim(task)
    head = people("supervisor..s-1")
    assert [each["task"] for each in await head.tasks()] == [task]
    assert "sheet" not in (await head.show(task)).json()
    assert problem(await head.claim(task)) == (409, "state-conflict")
    taken = await head.claim(task, reason="承办人请假")
    assert taken.json()["claimed_by"] == "supervisor:city-id/s-1"
    assert problem(await zhang.answer(task, "completed")) == (409, "state-conflict")
    handed = await head.do(task, "handovers", to="officer:city-id/z-2", reason="请接手")
    assert handed.json()["claimed_by"] == "officer:city-id/z-2"
    assert (await people("officer.health.z-2").answer(task, "completed")).status_code == 200


@sqlite
async def test_the_officers_key_of_a_department_works_at_its_desk(
    frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, tokens: Any, zhang: Clerk, parts: Parts
) -> None:
    """Whoever uses it is one clerk by the department's name."""
    await apply(frontend, parts)
    office = Clerk(acting(anonymous, tokens.officer))
    (task,) = [each["task"] for each in await office.tasks()]
    assert (await office.claim(task)).json()["claimed_by"] == "officer:health"
    assert (await zhang.claim(task)).status_code == 409
    assert (await office.answer(task, "completed")).status_code == 200


@sqlite
async def test_nobody_else_comes_to_the_desk(
    frontend: httpx2.AsyncClient,
    department: httpx2.AsyncClient,
    administrator: httpx2.AsyncClient,
    auditor: httpx2.AsyncClient,
) -> None:
    for client in (frontend, department, administrator, auditor):
        assert (await client.get("/v1/desk/tasks")).status_code == 403
        claimed = await client.post(
            f"/v1/desk/tasks/tsk_{'0' * 26}/claims", json={}, headers={"Idempotency-Key": "k"}
        )
        assert claimed.status_code == 403


@sqlite
async def test_applicants_and_their_systems_hear_that_a_clerk_is_at_work_and_not_who(
    frontend: httpx2.AsyncClient, auditor: httpx2.AsyncClient, zhang: Clerk, li: Clerk, parts: Parts
) -> None:
    case = await apply(frontend, parts)
    (task,) = [each["task"] for each in await zhang.tasks()]
    await zhang.claim(task)
    await zhang.do(task, "handovers", to="officer:city-id/z-2", reason="家中有事")
    await li.do(task, "releases", reason="须回避")
    path = f"{case['links']['self']}/events"
    own, audit = (await frontend.get(path)), (await auditor.get(path))
    for hidden in ("z-1", "z-2", "家中有事", "须回避", "step.claimed"):
        assert hidden not in own.text
    reasons = [
        each["data"]["waiting"]["reason"] for each in own.json()["items"] if each["type"] == "step.waiting"
    ]
    assert reasons[-3:] == ["at_desk", "with_clerk", "at_desk"]
    acts = {each["type"]: each["actor"] for each in audit.json()["items"]}
    assert acts["step.claimed"] == acts["step.handed_over"] == "officer:city-id/z-1"
    assert acts["step.put_back"] == "officer:city-id/z-2"


@sqlite
async def test_a_look_at_a_task_is_told_to_its_owner(
    frontend: httpx2.AsyncClient, zhang: Clerk, parts: Parts
) -> None:
    await apply(frontend, parts)
    (task,) = [each["task"] for each in await zhang.tasks()]
    await zhang.show(task)
    looks = (await frontend.get("/v1/me/access-log")).json()["items"]
    assert [each["who"] for each in looks if "form.child_name" in each.get("fields", [])] == [
        "officer:city-id/z-1"
    ]


# ---- registering


@sqlite
async def test_a_department_with_a_desk_has_neither_address_nor_secret(
    administrator: httpx2.AsyncClient,
) -> None:
    async def register(**said: Any) -> httpx2.Response:
        body = {"kind": "department", "owner": "police", "adapter": "desk", **said}
        return await administrator.post(
            "/v1/endpoints", json=body, headers={"Idempotency-Key": "-".join(said) or "k"}
        )

    for wrong, pointer in (({"url": "https://police.example.org/t"}, "/url"), ({"signs": "v1"}, "/signs")):
        refused = await register(**wrong)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, pointer)
    made = await register()
    assert (made.status_code, made.json().get("secret"), made.json().get("url")) == (201, None, None)


@sqlite
async def test_what_lies_at_the_desk_is_finished_there_when_the_department_gets_a_system(
    frontend: httpx2.AsyncClient, zhang: Clerk, parts: Parts, clock: FrozenClock, database: Database
) -> None:
    await apply(frontend, parts)
    wanted = Wanted("department", "health", "https://health.example.org/tasks")
    await endpoints.register(database, wanted, clock.now())
    (task,) = [each["task"] for each in await zhang.tasks()]
    await zhang.claim(task)
    assert (await zhang.answer(task, "completed")).status_code == 200


@sqlite
async def test_a_key_without_the_right_to_decide_opens_no_desk(
    anonymous: httpx2.AsyncClient, database: Database, clock: FrozenClock, parts: Parts
) -> None:
    made = await keys.create(
        database, kind="officer", client="police", now=clock.now(), scopes=frozenset({"cases:read"})
    )
    assert (await acting(anonymous, made.token).get("/v1/desk/tasks")).status_code == 403
