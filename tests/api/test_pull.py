"""The queue of a department that fetches its tasks: leased, renewed, acknowledged, given back, answered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from onenet.adapters.transport import Transport
from onenet.api.parts import Parts
from onenet.clock import FrozenClock
from onenet.domain.retry import LONGEST_LIFE
from onenet.ids import to_text
from onenet.services import endpoints, keys, steps
from onenet.services.endpoints import ENDPOINT_PREFIX, Wanted
from onenet.store import queue
from onenet.store.database import Database
from tests.api.conftest import acting, submission

pytestmark = pytest.mark.anyio

A_MINUTE = timedelta(seconds=60)


class Queue:
    """What the health department's system does, and what its supervisor sees."""

    def __init__(self, client: httpx2.AsyncClient, endpoint: str):
        self.client = client
        self.path = f"/v1/endpoints/{endpoint}/queue"

    async def fetch(self, **said: Any) -> dict[str, Any]:
        answer = await self.client.post(f"{self.path}/leases", json=said)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def tell(self, lease: str, word: str, **said: Any) -> httpx2.Response:
        return await self.client.post(f"{self.path}/leases/{lease}/{word}", json=said or None)

    async def answer(self, task: str, key: str = "m-1", **said: Any) -> httpx2.Response:
        body = {
            "type": "task.outcome",
            "timestamp": "2026-11-23T02:00:00Z",
            "data": {"task": task, **said},
        }
        return await self.client.post(f"{self.path}/answers", json=body, headers={"Idempotency-Key": key})


@pytest.fixture
async def endpoint(database: Database, clock: FrozenClock, parts: Parts) -> str:
    """The endpoint of a health department that cannot be called."""
    made = await endpoints.register(database, Wanted("department", "health", adapter="pull"), clock.now())
    return to_text(ENDPOINT_PREFIX, made.endpoint.id)


@pytest.fixture
def health(department: httpx2.AsyncClient, endpoint: str) -> Queue:
    """The health department's system."""
    return Queue(department, endpoint)


async def work(parts: Parts) -> None:
    """A worker does what is due."""
    async with Transport() as transport:
        for claimed in await steps.claim(parts.database, queue.TASKS, parts.machine_clock, 50):
            await steps.dispatch(parts.gate, transport, parts.machine_clock, claimed)


async def apply(frontend: httpx2.AsyncClient, parts: Parts, key: str = "k") -> dict[str, Any]:
    """A new case, whose certificate waits to be fetched."""
    made = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": key})
    assert made.status_code == 202, made.text
    await work(parts)
    found: dict[str, Any] = made.json()
    return found


async def attempts(supervisor: httpx2.AsyncClient, case: dict[str, Any]) -> list[dict[str, Any]]:
    listed = await supervisor.get(f"/v1/cases/{case['id']}/steps/certificate/attempts")
    return [
        {name: each.get(name) for name in ("number", "failure", "reason")} for each in listed.json()["items"]
    ]


async def test_a_task_waits_in_sight_is_fetched_and_is_sent_once_it_is_acknowledged(
    frontend: httpx2.AsyncClient, health: Queue, parts: Parts
) -> None:
    case = await apply(frontend, parts)
    step = (await frontend.get(case["links"]["self"])).json()["steps"][0]
    assert (step["state"], step["waiting"]["reason"]) == ("dispatched", "to_be_fetched")
    assert (await health.client.get(health.path)).json()["waiting"] == 1
    lease = await health.fetch()
    (task,) = lease["items"]
    assert task["sheet"]["case"]["number"] == case["number"]
    assert task["sheet"]["task"] == task["task"]
    received = await health.tell(lease["lease"], "receipts", task=task["task"])
    assert (received.status_code, received.json()) == (200, {"outcome": "applied"})
    step = (await frontend.get(case["links"]["self"])).json()["steps"][0]
    assert step["waiting"]["reason"] == "with_department"
    assert await health.fetch() == {"items": []}


async def test_a_fetched_task_is_nobody_elses_until_its_lease_ends(
    frontend: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    health: Queue,
    parts: Parts,
    clock: FrozenClock,
) -> None:
    """Whoever comes too late is told, and the first one's attempt is on record."""
    case = await apply(frontend, parts)
    first = await health.fetch()
    clock.advance(A_MINUTE - timedelta(milliseconds=1))
    assert (await health.fetch())["items"] == []
    clock.advance(timedelta(milliseconds=1))
    second = await health.fetch()
    (task,), (again,) = first["items"], second["items"]
    assert (again["task"], again["sheet"]) == (task["task"], task["sheet"])
    assert (task["attempt"], again["attempt"]) == (2, 3)
    for word, said in (("receipts", {}), ("returns", {"reason": "x"})):
        refused = await health.tell(first["lease"], word, task=task["task"], **said)
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "state-conflict")
    assert (await health.tell(first["lease"], "renewals")).status_code == 409
    assert (await health.tell(second["lease"], "receipts", task=task["task"])).status_code == 200
    assert await attempts(supervisor, case) == [
        {"number": 1, "failure": None, "reason": "waits for the department to fetch it"},
        {"number": 2, "failure": "transient", "reason": "lease_ended"},
        {"number": 3, "failure": None, "reason": None},
    ]


async def test_a_renewed_lease_lasts_a_minute_from_then(
    frontend: httpx2.AsyncClient, health: Queue, parts: Parts, clock: FrozenClock
) -> None:
    await apply(frontend, parts)
    lease = await health.fetch()
    clock.advance(A_MINUTE - timedelta(seconds=1))
    renewed = (await health.tell(lease["lease"], "renewals")).json()
    assert renewed["tasks"] == [lease["items"][0]["task"]]
    clock.advance(A_MINUTE - timedelta(seconds=1))
    assert (await health.fetch())["items"] == []


async def test_a_receipt_that_is_sent_again_gets_the_same_answer(
    frontend: httpx2.AsyncClient, health: Queue, parts: Parts
) -> None:
    """Its answer may have been lost on the way; the same task cannot be given back then."""
    await apply(frontend, parts)
    lease = await health.fetch()
    task = lease["items"][0]["task"]
    first = await health.tell(lease["lease"], "receipts", task=task)
    again = await health.tell(lease["lease"], "receipts", task=task)
    assert (again.status_code, again.content) == (200, first.content)
    other = await health.tell(lease["lease"], "returns", task=task, reason="zu spät")
    assert other.status_code == 409


async def test_a_task_that_is_given_back_is_fetched_again_after_the_delay_and_the_words_are_masked(
    frontend: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    health: Queue,
    parts: Parts,
    clock: FrozenClock,
) -> None:
    case = await apply(frontend, parts)
    lease = await health.fetch()
    said = {
        "task": lease["items"][0]["task"],
        "reason": "申请人 320599199201010024 重复",
        "retry_after_s": 600,
    }
    assert (await health.tell(lease["lease"], "returns", **said)).status_code == 200
    clock.advance(timedelta(seconds=599))
    await work(parts)
    assert (await health.fetch())["items"] == []
    clock.advance(timedelta(seconds=1))
    await work(parts)
    assert len((await health.fetch())["items"]) == 1
    listed = await supervisor.get(f"/v1/cases/{case['id']}/steps/certificate/attempts")
    back = listed.json()["items"][1]
    assert (back["failure"], back["reason"]) == ("transient", "the department gave it back")
    assert "320599199201010024" not in listed.text


async def test_what_nobody_fetches_for_a_week_is_held_in_sight(
    frontend: httpx2.AsyncClient, health: Queue, parts: Parts, clock: FrozenClock
) -> None:
    case = await apply(frontend, parts)
    clock.advance(LONGEST_LIFE)
    await work(parts)
    step = (await frontend.get(case["links"]["self"])).json()["steps"][0]
    assert (step["state"], step["waiting"]["reason"]) == ("held", "delivery_exhausted")
    assert (await health.fetch())["items"] == []


async def test_what_is_withdrawn_is_not_fetched_and_its_receipt_is_refused(
    frontend: httpx2.AsyncClient, health: Queue, parts: Parts
) -> None:
    first, second = await apply(frontend, parts), await apply(frontend, parts, "k-2")
    lease = await health.fetch(most=1)
    for case in (first, second):
        headers = {"Idempotency-Key": f"w-{case['id']}"}
        await frontend.post(case["links"]["withdrawal"], json={}, headers=headers)
    assert (await health.fetch())["items"] == []
    late = await health.tell(lease["lease"], "receipts", task=lease["items"][0]["task"])
    assert late.status_code == 409


async def test_tasks_come_in_the_order_in_which_they_began_to_wait(
    frontend: httpx2.AsyncClient, health: Queue, parts: Parts, clock: FrozenClock
) -> None:
    cases = []
    for number in range(3):
        cases.append((await apply(frontend, parts, f"k-{number}"))["number"])
        clock.advance(timedelta(seconds=1))
    fetched = (await health.fetch(most=1))["items"] + (await health.fetch(most=5))["items"]
    assert [each["sheet"]["case"]["number"] for each in fetched] == cases


# ---- answers


async def test_an_answer_by_key_is_a_callback(
    frontend: httpx2.AsyncClient, health: Queue, parts: Parts
) -> None:
    """The same inbox: applied once, repeated, and refused under the same id with another body."""
    await apply(frontend, parts)
    task = (await health.fetch())["items"][0]["task"]
    first = await health.answer(task, outcome="accepted", seq=2)
    assert (first.status_code, first.json()["outcome"]) == (200, "applied"), first.text
    again = await health.answer(task, outcome="accepted", seq=2)
    assert (again.content, again.headers["x-duplicate"]) == (first.content, "true")
    other = await health.answer(task, outcome="completed", seq=2)
    assert (other.status_code, other.json()["type"].rpartition("/")[2]) == (409, "callback-conflict")
    stale = await health.answer(task, "m-2", outcome="completed", seq=1)
    assert stale.json()["outcome"] == "recorded-stale"
    impossible = await health.answer(task, "m-3", outcome="resumed", seq=3)
    assert impossible.status_code == 409
    done = await health.answer(task, "m-4", outcome="completed", seq=4)
    assert done.json()["outcome"] == "applied"
    assert (await health.answer(task, "m-5", outcome="completed", seq=5)).json()["outcome"] == "recorded-late"


async def test_an_answer_after_the_lease_has_ended_counts(
    frontend: httpx2.AsyncClient, health: Queue, parts: Parts, clock: FrozenClock
) -> None:
    """Whoever fetched the task in the meantime has lost it."""
    await apply(frontend, parts)
    task = (await health.fetch())["items"][0]["task"]
    clock.advance(A_MINUTE)
    second = await health.fetch()
    assert (await health.answer(task, outcome="completed")).json()["outcome"] == "applied"
    assert (await health.tell(second["lease"], "receipts", task=task)).status_code == 409
    clock.advance(A_MINUTE)
    assert (await health.fetch())["items"] == []


# ---- whose it is


async def test_another_departments_queue_and_tasks_are_not_there(
    frontend: httpx2.AsyncClient,
    anonymous: httpx2.AsyncClient,
    health: Queue,
    parts: Parts,
    clock: FrozenClock,
    database: Database,
) -> None:
    """The same 404 as for a queue that never was, and for a department that is called."""
    await apply(frontend, parts)
    lease = await health.fetch()
    task = lease["items"][0]["task"]
    made = await endpoints.register(database, Wanted("department", "police", adapter="pull"), clock.now())
    own = to_text(ENDPOINT_PREFIX, made.endpoint.id)
    token = (await keys.create(database, kind="department", client="police", now=clock.now())).token
    police = acting(anonymous, token)
    foreign, theirs = Queue(police, health.path.split("/")[3]), Queue(police, own)
    missing = Queue(police, f"ept_{'0' * 26}")
    answers = [
        await asked
        for queue in (foreign, missing)
        for asked in (
            police.get(queue.path),
            police.post(f"{queue.path}/leases", json={}),
            queue.tell(lease["lease"], "renewals"),
            queue.tell(lease["lease"], "receipts", task=task),
            queue.tell(lease["lease"], "returns", task=task, reason="x"),
            queue.answer(task, outcome="completed"),
        )
    ]
    answers += [await theirs.tell(lease["lease"], "receipts", task=task)]
    answers += [await theirs.answer(task, outcome="completed")]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert len({answer.json()["detail"] for answer in answers if "detail" in answer.json()}) <= 1
    assert (await theirs.fetch())["items"] == []
    assert (await theirs.tell(lease["lease"], "renewals")).status_code == 409


async def test_a_key_that_is_confined_fetches_only_cases_of_its_jurisdictions(
    frontend: httpx2.AsyncClient,
    anonymous: httpx2.AsyncClient,
    health: Queue,
    parts: Parts,
    clock: FrozenClock,
    database: Database,
) -> None:
    await apply(frontend, parts)
    made = await frontend.post(
        "/v1/cases", json=submission(jurisdiction="suzhou"), headers={"Idempotency-Key": "city"}
    )
    await work(parts)
    created = await keys.create(
        database, kind="department", client="health", now=clock.now(), jurisdictions=frozenset({"kunshan"})
    )
    confined = Queue(acting(anonymous, created.token), health.path.split("/")[3])
    assert (await confined.client.get(confined.path)).json()["waiting"] == 1
    (task,) = (await confined.fetch())["items"]
    (other,) = (await health.fetch())["items"]
    assert other["sheet"]["case"]["number"] == made.json()["number"]
    assert task["sheet"]["case"]["number"] != made.json()["number"]
    assert (await confined.answer(other["task"], outcome="completed")).status_code == 404


async def test_a_department_that_is_called_cannot_fetch_nor_answer_by_key(
    frontend: httpx2.AsyncClient, health: Queue, parts: Parts, clock: FrozenClock, database: Database
) -> None:
    """What waited for it goes out by the next worker."""
    await apply(frontend, parts)
    task = (await health.fetch())["items"][0]["task"]
    wanted = Wanted("department", "health", "https://health.example.org/tasks")
    await endpoints.register(database, wanted, clock.now())
    assert (await health.client.post(f"{health.path}/leases", json={})).status_code == 404
    assert (await health.answer(task, outcome="completed")).status_code == 404
    (claimed,) = await steps.claim(database, queue.TASKS, clock, 10)
    assert claimed.row["attempt"] == 3


async def test_a_department_that_fetches_has_neither_address_nor_secret(
    administrator: httpx2.AsyncClient,
) -> None:
    async def register(**said: Any) -> httpx2.Response:
        body = {"kind": "department", "owner": "health", **said}
        return await administrator.post(
            "/v1/endpoints", json=body, headers={"Idempotency-Key": "-".join(said)}
        )

    url = {"url": "https://health.example.org/tasks"}
    for wrong, pointer in (
        ({"adapter": "pull", **url}, "/url"),
        ({"adapter": "pull", "signs": "v1"}, "/signs"),
        ({"adapter": "webhook"}, "/url"),
    ):
        refused = await register(**wrong)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, pointer)
    made = await register(adapter="pull")
    assert (made.status_code, made.json().get("secret"), made.json().get("url")) == (201, None, None)
