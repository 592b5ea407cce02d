"""What departments do with keys of their own raises no alarm, and is missed where it is not on record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import delete, select

from onenet.api.parts import Parts
from onenet.domain.commands import RecordAnswer
from onenet.domain.outcome import Accepted, Completed, Outcome, ResultGiven
from onenet.domain.principal import PERMISSIONS, Role
from onenet.domain.visibility import EVERYTHING
from onenet.services import cases, examination, keys
from onenet.services.change import Change
from onenet.store import tables
from onenet.store.inspection import BY_REQUEST
from tests.api.conftest import Tokens, acting, city_bundle, publish
from tests.api.test_cases import opened
from tests.api.test_tickets import SAID
from tests.factories import NOW

pytestmark = pytest.mark.anyio


@dataclass
class Acting:
    """A case and two tickets, and who has to do with them."""

    case: str
    tickets: list[str]
    health: httpx2.AsyncClient
    police: httpx2.AsyncClient
    supervisor: httpx2.AsyncClient
    hotline: httpx2.AsyncClient
    keys: int = 0

    async def say(self, who: httpx2.AsyncClient, path: str, **said: Any) -> Any:
        """What must succeed."""
        self.keys += 1
        done = await who.post(path, json=said, headers={"Idempotency-Key": f"k-{self.keys}"})
        assert done.status_code in (200, 201), done.text
        return done.json()


@pytest.fixture
async def people(
    parts: Parts, tokens: Tokens, frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient,
    department: httpx2.AsyncClient, supervisor: httpx2.AsyncClient,
) -> Acting:  # fmt: skip
    known = city_bundle()
    certificate = replace(known.members[0], delivery=("window",))
    await publish(parts.database, replace(known, version=2, members=(certificate, *known.members[1:])))
    case = await opened(frontend)
    tickets = [
        (await frontend.post("/v1/tickets", json=SAID | {"reference": reference})).json()["id"]
        for reference in ("R-1", "R-2")
    ]
    police = await keys.create(parts.database, kind="department", client="police", now=NOW)
    hotline = acting(anonymous, tokens.frontend)
    return Acting(case["id"], tickets, department, acting(anonymous, police.token), supervisor, hotline)


async def decides(parts: Parts, case_id: str, outcome: Outcome) -> None:
    """An officer does it: no department's system is in this."""
    case = await cases.get(parts.database, parts.catalogue, UUID(case_id), EVERYTHING)
    task = case.live_task("certificate")
    assert task is not None
    await parts.gate.submit(Change(case.id, RecordAnswer(task.id, outcome), "officer:health"))


async def asks_and_is_told(people: Acting, parts: Parts) -> None:
    await decides(parts, people.case, Accepted())
    here = f"/v1/cases/{people.case}/steps/certificate/opinions"
    given = await people.say(people.health, here, department="police", question="?")
    await people.say(people.police, f"/v1/opinions/{given['id']}/answers", answer="agree")
    withdrawn = await people.say(people.health, here, department="police", question="?")
    await people.say(people.health, f"{here}/{withdrawn['id']}/withdrawal", reason="r")


async def answers_an_urging(people: Acting, parts: Parts) -> None:
    here = f"/v1/cases/{people.case}/steps/certificate/urgings"
    await people.say(people.supervisor, here, level="urging", reason="r")
    await people.say(people.health, f"{here}/1/answers", answer="a")


async def hands_over(people: Acting, parts: Parts) -> None:
    await decides(parts, people.case, Completed((ResultGiven("birth_certificate", "B-1"),)))
    await people.say(people.health, f"/v1/cases/{people.case}/steps/certificate/result-deliveries")


async def handles_tickets(people: Acting, parts: Parts) -> None:
    answered, returned = (f"/v1/tickets/{id}" for id in people.tickets)
    dispatch: dict[str, Any] = {"act": "dispatch", "lead": "health", "co_units": ["police"]}
    for each in (answered, returned):
        await people.say(people.hotline, f"{each}/actions", **dispatch)
    await people.say(people.police, f"{answered}/answers", act="give_part", words="w")
    await people.say(people.health, f"{answered}/answers", act="answer", words="w")
    await people.say(people.health, f"{returned}/answers", act="return", reason="r")


ACTS = {
    "opinions:write": asks_and_is_told,
    "urgings:answer": answers_an_urging,
    "results:deliver": hands_over,
    "tickets:answer": handles_tickets,
}
"""By the permission that the key has for it, in the order in which they are possible."""


async def found(parts: Parts) -> list[tuple[str, UUID | None, str]]:
    told = [each async for each in examination.examine(parts.database, parts.catalogue.bundle)]
    return [(each.invariant, each.case_id, each.what.partition(" ")[0]) for each in told]


async def test_what_departments_do_by_key_is_explained_by_their_requests_alone(
    people: Acting, parts: Parts
) -> None:
    for act in ACTS.values():
        await act(people, parts)
    assert await found(parts) == []
    e, k = tables.event.c, tables.idempotency_key
    async with parts.database.transaction() as connection:
        done = (await connection.execute(select(e.type).where(e.actor.like("department:%")))).scalars().all()
        await connection.execute(delete(k).where(k.c.scope.like("department:%")))
    assert set(done) == BY_REQUEST
    case, answered, returned = (UUID(each) for each in (people.case, *people.tickets))
    assert sorted(await found(parts), key=str) == sorted(
        [
            ("I6", case, "department:health"), ("I6", case, "department:police"),
            ("I6", answered, "department:health"), ("I6", answered, "department:police"),
            ("I6", returned, "department:health"),
        ],
        key=str,
    )  # fmt: skip


def test_each_act_that_a_department_may_do_by_key_is_tried() -> None:
    acts = {each for each in PERMISSIONS[Role.DEPARTMENT] if not each.endswith(":read")}
    assert acts - {"tasks:fetch"} == ACTS.keys()
