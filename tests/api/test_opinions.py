"""Opinions over HTTP: asked, given, withdrawn, late; who is asked sees what was put, and nothing more."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest import mock
from uuid import UUID

import httpx2
import pytest
from fastapi.routing import APIRoute

from onenet.adapters import signing
from onenet.adapters.transport import Transport
from onenet.api.operations import operation_of
from onenet.api.parts import Parts
from onenet.app import Application
from onenet.clock import FrozenClock
from onenet.domain import consultations, visibility
from onenet.domain import opinions as rules
from onenet.domain.bundle import Department
from onenet.domain.chain import canonical
from onenet.domain.commands import LetTimePass, RecordAnswer
from onenet.domain.draft import Draft
from onenet.domain.outcome import Accepted, AtDesk, Completed, ResultGiven
from onenet.domain.visibility import EVERYTHING, RULES, Rule, Subject
from onenet.ids import to_text
from onenet.services import cases, endpoints, erasure, examination, keys, record, steps
from onenet.services.change import Change
from onenet.services.document_links import Links
from onenet.services.endpoints import ENDPOINT_PREFIX, Wanted
from onenet.store import catalogue as store_catalogue
from onenet.store import queue
from onenet.store.callers import KeyKind
from onenet.store.database import Database
from tests.adapters.loopback import Heard, loopback
from tests.adapters.loopback import answer as replying
from tests.api.conftest import Tokens, acting, submission
from tests.documents import making
from tests.factories import NOW, names
from tests.outward import HERE
from tests.store.seeding import SECRET, save_department

pytestmark = pytest.mark.anyio
sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""For what depends on no engine."""

PUT = "PUT-child"
CANARIES = {
    "applicant": "CANARY-applicant",
    "phone": "13900001234",
    "id_no": "320599199303030026",
    "born": "2019-03-07",
    "weight": "8765",
    "address": "CANARY-address",
    "file": "CANARY-file.pdf",
    "opinion": "CANARY-opinion",
    "agreed": "CANARY-police",
}
"""A marked value in everything that is not put to the department that is asked."""


@dataclass
class Asked:
    """A case whose certificate is accepted; who handles it, and who is asked: a bank without a step."""

    case: dict[str, Any]
    task: UUID
    handling: httpx2.AsyncClient
    officer: httpx2.AsyncClient
    bank: httpx2.AsyncClient
    clerk: httpx2.AsyncClient
    police: httpx2.AsyncClient
    record: str
    other: str

    @property
    def here(self) -> str:
        """Where the opinions of the step are."""
        return f"/v1/cases/{self.case['id']}/steps/certificate/opinions"

    async def ask(self, key: str = "a", **said: Any) -> dict[str, Any]:
        """Asks the bank; the opinion."""
        question = {"department": "bank", "question": "账户是否属实？"} | said
        made = await self.handling.post(self.here, json=question, headers={"Idempotency-Key": key})
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    async def give(self, id: str, key: str = "g", **said: Any) -> httpx2.Response:
        """The bank answers."""
        path, body = f"/v1/opinions/{id}/answers", {"answer": "agree"} | said
        return await self.bank.post(path, json=body, headers={"Idempotency-Key": key})


@pytest.fixture
async def asked(
    app: Application,
    frontend: httpx2.AsyncClient,
    anonymous: httpx2.AsyncClient,
    tokens: Tokens,
    parts: Parts,
) -> Asked:
    async with parts.database.transaction() as connection:
        await store_catalogue.save_departments(connection, [Department("bank", names("银行"))], NOW)

    async def of(kind: KeyKind, code: str) -> httpx2.AsyncClient:
        made = await keys.create(parts.database, kind=kind, client=code, now=NOW)
        return acting(anonymous, made.token)

    documents = []
    for number, filename in enumerate(("record.pdf", CANARIES["file"])):
        headers = {
            "Content-Type": "application/pdf",
            "Onenet-Filename": filename,
            "Idempotency-Key": f"{number}",
        }
        uploaded = await frontend.post("/v1/documents", content=making.pdf(), headers=headers)
        documents.append(uploaded.json()["id"])
    body = submission(
        applicant=submission()["applicant"]
        | {"name": CANARIES["applicant"], "phone": CANARIES["phone"], "id_no": CANARIES["id_no"]},
        form=submission()["form"]
        | {"child_name": PUT, "address": CANARIES["address"], "child_born_on": CANARIES["born"]}
        | {"weight_g": int(CANARIES["weight"]), "mother_id_no": CANARIES["id_no"]},
        materials=[
            {"code": code, "document": id} for code, id in zip(("record", "consent"), documents, strict=True)
        ],
    )
    opened = await frontend.post("/v1/cases", json=body, headers={"Idempotency-Key": "k"})
    assert opened.status_code == 202, opened.text
    case = await cases.get(parts.database, parts.catalogue, UUID(opened.json()["id"]), EVERYTHING)
    task = case.live_task("certificate")
    assert task is not None
    answer = RecordAnswer(task.id, Accepted(CANARIES["opinion"]))
    await parts.gate.submit(Change(case.id, answer, "department:health"))
    return Asked(
        opened.json(), task.id, acting(anonymous, tokens.department), acting(anonymous, tokens.officer),
        await of("department", "bank"), await of("officer", "bank"), await of("department", "police"),
        *documents,
    )  # fmt: skip


async def decide(parts: Parts, asked: Asked, outcome: Any = None) -> str:
    """What becomes of the decision of who handles the step."""
    outcome = outcome or Completed((ResultGiven("birth_certificate", "B-1"),))
    change = Change(UUID(asked.case["id"]), RecordAnswer(asked.task, outcome), "department:health")
    return (await parts.gate.submit(change)).reply


# ---- the way of an opinion


async def test_an_opinion_is_asked_found_in_the_list_and_given(
    asked: Asked, frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    made = await asked.ask(fields=["child_name"], materials=["record"])
    assert made["put"] == {"fields": ["child_name"], "materials": ["record"], "applicant": False}
    (listed,) = (await asked.bank.get("/v1/opinions")).json()["items"]
    assert listed == (await asked.clerk.get(f"/v1/opinions/{made['id']}")).json()
    assert (listed["number"], listed["asked_by"]["code"]) == (asked.case["number"], "health")
    assert listed["put"]["fields"] == {"child_name": PUT}
    file = await asked.bank.get(listed["put"]["materials"][0]["links"]["content"])
    assert (file.status_code, file.content) == (200, making.pdf())
    given = await asked.give(made["id"], answer="agree_with_conditions", words="以登记为准")
    assert (given.status_code, given.json()["state"]) == (200, "given")
    again = await asked.give(made["id"], answer="agree_with_conditions", words="以登记为准")
    assert again.headers["idempotency-replayed"] == "true"
    (seen,) = (await asked.officer.get(asked.here)).json()["items"]
    assert (seen["answer"], seen["words"], seen["answered_by"]) == (
        "agree_with_conditions",
        "以登记为准",
        "department:bank",
    )
    assert (await asked.bank.get("/v1/opinions")).json()["items"] == []
    assert len((await asked.bank.get("/v1/opinions?state=given")).json()["items"]) == 1
    assert await decide(parts, asked) == "applied"


async def test_an_id_that_is_a_uuid_is_read_in_either_case(asked: Asked) -> None:
    made = await asked.ask()
    case, opinion = (id.upper() for id in (asked.case["id"], made["id"]))
    found = await asked.bank.get(f"/v1/opinions/{opinion}")
    assert (found.status_code, found.json()["id"]) == (200, made["id"])
    whole = await asked.handling.get(f"/v1/cases/{case}")
    assert (whole.status_code, whole.json()["id"]) == (200, asked.case["id"])
    withdrawal = f"/v1/cases/{case}/steps/certificate/opinions/{opinion}/withdrawal"
    body, headers = {"reason": "已无必要"}, {"Idempotency-Key": "w"}
    assert (await asked.handling.post(withdrawal, json=body, headers=headers)).status_code == 200


async def test_the_applicant_sees_of_whom_since_when_and_until_when_and_no_words(
    asked: Asked, frontend: httpx2.AsyncClient
) -> None:
    made = await asked.ask(question="CANARY-question")
    await asked.give(made["id"], answer="disagree", words="CANARY-words")
    case = (await frontend.get(f"/v1/cases/{asked.case['id']}")).json()
    (shown,) = case["steps"][0]["opinions"]
    assert shown["department"] == {"code": "bank", "names": names("银行")}
    assert shown.keys() == {"id", "department", "state", "asked_at", "due_at", "is_overdue", "ended_at"}
    texts = [
        (await frontend.get(path)).text
        for path in (f"/v1/cases/{asked.case['id']}{more}" for more in ("", "/steps", "/events"))
    ] + [(await frontend.get(asked.here)).text, (await frontend.get("/v1/me/data")).text]
    assert "opinion.given" in texts[2]
    assert not [text for text in texts if "CANARY-question" in text or "CANARY-words" in text]
    with mock.patch.object(visibility, "RULES", tuple(map(_with_words, RULES))):  # the control
        assert "CANARY-words" in (await frontend.get(f"/v1/cases/{asked.case['id']}/events")).text


def _with_words(rule: Rule) -> Rule:
    return replace(rule, view=replace(rule.view, has_opinions=True))


async def test_what_is_withdrawn_is_not_answered_and_its_papers_are_not_fetched(asked: Asked) -> None:
    made = await asked.ask(materials=["record"], fields=["child_name"])
    taken = await asked.handling.post(
        f"{asked.here}/{made['id']}/withdrawal", json={"reason": "已查明"}, headers={"Idempotency-Key": "w"}
    )
    assert (taken.status_code, taken.json()["state"]) == (200, "withdrawn")
    refused = await asked.give(made["id"])
    assert (refused.status_code, "put" in (await asked.bank.get(f"/v1/opinions/{made['id']}")).json()) == (
        409,
        False,
    )
    paper = f"/v1/opinions/{made['id']}/documents/{asked.record}/content"
    assert (await asked.bank.get(paper)).status_code == 404


async def test_a_late_one_is_told_once_and_is_still_taken(
    asked: Asked, parts: Parts, clock: FrozenClock, frontend: httpx2.AsyncClient
) -> None:
    made = await asked.ask(days=1)
    clock.advance(timedelta(days=2))
    for _ in range(2):
        await parts.gate.submit(Change(UUID(asked.case["id"]), LetTimePass(), "system:time"))
    (listed,) = (await asked.bank.get("/v1/opinions")).json()["items"]
    assert listed["is_overdue"]
    assert (await asked.give(made["id"])).json()["is_overdue"]
    events = (await frontend.get(f"/v1/cases/{asked.case['id']}/events")).json()["items"]
    told = [each["type"] for each in events if each["type"].startswith("opinion.")]
    assert told == ["opinion.asked", "opinion.overdue", "opinion.given"]


WRONG: dict[str, tuple[dict[str, Any], int]] = {
    "a department that does not exist": ({"department": "nobody"}, 409),
    "the department of the step": ({"department": "health"}, 409),
    "a field of no business of the step": ({"fields": ["address"]}, 409),
    "a material that is not there": ({"materials": ["nothing"]}, 409),
    "no question": ({"question": " "}, 422),
    "no time": ({"days": 0}, 422),
}


@sqlite
@pytest.mark.parametrize("what", WRONG)
async def test_a_wrong_question_is_refused_and_nothing_is_asked(asked: Asked, what: str) -> None:
    said, status = WRONG[what]
    body = {"department": "bank", "question": "?"} | said
    refused = await asked.handling.post(asked.here, json=body, headers={"Idempotency-Key": "x"})
    assert refused.status_code in (status, 400), refused.text
    assert (await asked.handling.get(asked.here)).json()["items"] == []


@sqlite
async def test_a_department_is_not_asked_twice_while_it_has_not_answered(asked: Asked) -> None:
    await asked.ask()
    body = {"department": "bank", "question": "?"}
    refused = await asked.handling.post(asked.here, json=body, headers={"Idempotency-Key": "x"})
    assert refused.status_code == 409
    assert {"action": "withdraw_opinion", "by": ["department", "officer"]} in refused.json()["allowed"]


@sqlite
async def test_who_disagrees_says_why(asked: Asked) -> None:
    made = await asked.ask()
    for answer in ("disagree", "agree_with_conditions"):
        assert (await asked.give(made["id"], answer=answer)).status_code in (400, 422)
    assert (await asked.give(made["id"], answer="no_remarks")).status_code == 200


# ---- decisions


async def test_a_decision_that_passes_over_an_opinion_says_so_or_is_refused(
    asked: Asked, parts: Parts, database: Database
) -> None:
    made = await asked.ask()
    assert await decide(parts, asked) == "refused"
    said = Completed((ResultGiven("birth_certificate", "B-1"),), without_opinions="逾期未复")
    assert await decide(parts, asked, said) == "applied"
    assert (await asked.bank.get("/v1/opinions")).json()["items"] == []
    (ended,) = (await asked.bank.get("/v1/opinions?state=ended")).json()["items"]
    assert (ended["id"], "put" in ended) == (made["id"], False)
    assert (await record.verify(database)).tamperings == ()


async def test_of_an_answer_and_a_decision_at_once_neither_is_lost(asked: Asked, parts: Parts) -> None:
    made = await asked.ask()
    reply, given = await asyncio.gather(decide(parts, asked), asked.give(made["id"]))
    # Decided first it is refused, as the opinion is open; given first it is decided. Given it is in any case.
    assert (reply, given.status_code) in {("refused", 200), ("applied", 200)}
    (seen,) = (await asked.handling.get(asked.here)).json()["items"]
    assert seen["state"] == "given"
    step = (await asked.handling.get(f"/v1/cases/{asked.case['id']}/steps")).json()["items"][0]
    assert (step["state"] == "completed") == (reply == "applied")


async def test_of_an_answer_and_a_decision_without_it_at_once_the_first_counts(
    asked: Asked, parts: Parts
) -> None:
    made = await asked.ask()
    without = Completed((ResultGiven("birth_certificate", "B-1"),), without_opinions="逾期未复")
    reply, given = await asyncio.gather(decide(parts, asked, without), asked.give(made["id"]))
    (seen,) = (await asked.handling.get(asked.here)).json()["items"]
    assert (reply, given.status_code, seen["state"]) in {("applied", 200, "given"), ("applied", 409, "ended")}


# ---- what who is asked sees


async def everything(
    app: Application, client: httpx2.AsyncClient, asked: Asked, opinion: str, **known: str
) -> dict[str, str]:
    """What this caller is told on every route there is, of this case: answers and refusals."""
    words = {
        "case_id": asked.case["id"], "step": "certificate", "number": asked.case["number"],
        "opinion": opinion, "code": "newborn", "jurisdiction": "kunshan", "year": "2026", "seq": "1",
        "document_id": asked.other, "upload_id": "upl_00000000000000000000000000", "offset": "0",
        "task": "tsk_00000000000000000000000000", "version": "1", "urging": "1",
    } | known  # fmt: skip
    found: dict[str, str] = {}
    for route in app.routes:
        stated = operation_of(route)
        if not isinstance(route, APIRoute) or stated is None or "{token}" in stated.path:
            continue
        path = stated.path.format_map(_Words(words))
        limit = "?limit=100" if path in ("/v1/cases", "/v1/opinions", "/v1/desk/tasks") else ""
        body = {"answer": "disagree"} if path.endswith("answers") else {}
        answer = await client.request(
            stated.method, path + limit, json=None if stated.method == "GET" else body,
            headers={"Idempotency-Key": f"e{len(found)}"},
        )  # fmt: skip
        found[f"{stated.method} {stated.path}"] = answer.text + str(answer.headers)
    for state in ("given", "withdrawn", "ended"):
        found[f"opinions {state}"] = (await client.get(f"/v1/opinions?state={state}")).text
    return found


class _Words(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "00000000-0000-4000-8000-000000000000"


OTHER: list[str] = []
"""The document that was not put, for the control that puts it."""


def whole_of(draft: Draft) -> str:
    """Everything that was said, as if it were put."""
    content = draft.content
    said = {"fields": dict(content.form), "materials": [], "applicant": {"name": content.applicant.name}}
    return canonical(said)


def wide_rule() -> Rule:
    """The rule of opinions, letting in to cases as well."""
    mine = next(rule for rule in RULES if rule.name == "asked")
    return replace(mine, name="wide", conditions=(), view=visibility.WHOLE, of=Subject.CASES)


def leaks(found: dict[str, str]) -> set[tuple[str, str]]:
    """Which marked values stand where."""
    return {(name, where) for where, text in found.items() for name, mark in CANARIES.items() if mark in text}


async def test_who_is_asked_sees_on_no_route_what_was_not_put(app: Application, asked: Asked) -> None:
    made = await asked.ask(fields=["child_name"], materials=["record"])
    police = await asked.ask(key="p", department="police", question=CANARIES["agreed"])
    for client in (asked.bank, asked.clerk):
        found = await everything(app, client, asked, made["id"])
        assert len(found) > 100
        assert sum(PUT in text for text in found.values()) == 2  # the list and the opinion itself
        assert leaks(found) == set()
        assert asked.case["id"] not in found["GET /v1/cases"]
        for id in (asked.other, "doc_00000000000000000000000000"):
            paper = await client.get(f"/v1/opinions/{made['id']}/documents/{id}/content")
            assert paper.status_code == 404
    assert (await asked.police.get(f"/v1/opinions/{made['id']}")).status_code == 404
    assert (await asked.bank.get(f"/v1/opinions/{police['id']}")).status_code == 404


@sqlite
async def test_of_a_paper_that_is_also_a_generated_form_the_form_is_not_put(
    app: Application, asked: Asked
) -> None:
    made = await asked.ask(fields=["child_name"], materials=["consent"])
    found = await everything(app, asked.bank, asked, made["id"])
    assert {name for name, _ in leaks(found)} <= {"file"}  # the paper itself, which is put
    with mock.patch.object(rules, "_as_put", lambda material: material):  # the control
        made = await asked.ask(key="p", department="police", materials=["consent"])
    shown = {"opinion": (await asked.police.get(f"/v1/opinions/{made['id']}")).text}
    assert {name for name, _ in leaks(shown)} >= {"applicant", "born", "weight"}


@sqlite
@pytest.mark.parametrize(
    ("taken_out", "wanted"),
    [
        (
            mock.patch.object(rules, "_put", lambda draft, *_: whole_of(draft)),
            {"address", "id_no", "applicant"},
        ),
        (mock.patch.object(rules, "documents_of", return_value=OTHER), {"file"}),
        (mock.patch.object(visibility, "RULES", (*RULES, wide_rule())), {"applicant", "opinion", "address"}),
    ],
    ids=["what is put", "the documents put", "the rule of cases"],
)
async def test_control_a_filter_that_is_taken_out_shows_the_marked_values(
    app: Application, asked: Asked, taken_out: Any, wanted: set[str]
) -> None:
    OTHER[:] = [asked.other]
    with taken_out:
        made = await asked.ask(fields=["child_name"], materials=["record"])
        found = leaks(await everything(app, asked.bank, asked, made["id"]))
    assert {name for name, _ in found} >= wanted


async def test_an_opinion_of_an_erased_case_is_not_there(
    asked: Asked, frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    made = await asked.ask()
    await asked.give(made["id"], words="CANARY-words")
    case = f"/v1/cases/{asked.case['id']}"
    await frontend.post(f"{case}/withdrawal", json={}, headers={"Idempotency-Key": "w"})
    await erasure.erase(
        parts.database, parts.gate, UUID(asked.case["id"]),
        basis="retention", actor="system:retention", now=parts.gate.clock.now(),
    )  # fmt: skip
    assert (await asked.bank.get(f"/v1/opinions/{made['id']}")).status_code == 404
    assert (await asked.bank.get("/v1/opinions?state=given")).json()["items"] == []


# ---- sent to who is asked


async def work(parts: Parts) -> None:
    """A worker does what is due."""
    links = Links(parts.vault, parts.public_url)
    async with Transport(destinations=HERE) as transport:
        for claimed in await steps.claim(parts.database, queue.TASKS, parts.machine_clock, 50):
            await steps.dispatch(parts.gate, transport, parts.machine_clock, claimed, links)


async def sent(parts: Parts, asked: Asked, **put: Any) -> tuple[dict[str, Any], Heard]:
    """The opinion that is asked, and the call by which the bank was sent the question."""
    async with loopback(replying(202)) as serving:
        await save_department(parts.database, "bank", serving.url)
        made = await asked.ask(**put)
        await work(parts)
    (heard,) = serving.heard
    return made, heard


async def call_back(
    client: httpx2.AsyncClient, clock: FrozenClock, id: str = "m-1", **data: Any
) -> httpx2.Response:
    """The bank's system answers, signed."""
    said = {"type": "task.outcome", "timestamp": clock.now().isoformat(), "data": data}
    body = json.dumps(said).encode()
    headers = signing.sign(body, [SECRET], message_id=id, at=clock.now())
    return await client.post(
        "/v1/callbacks/bank", content=body, headers={**headers, "Content-Type": "application/json"}
    )


async def test_who_is_asked_is_sent_what_was_put_and_answers_by_callback_once(
    asked: Asked, parts: Parts, clock: FrozenClock, anonymous: httpx2.AsyncClient
) -> None:
    made, heard = await sent(parts, asked, fields=["child_name"], materials=["record"])
    text = heard.body.decode()
    question = json.loads(text)["data"]
    assert (json.loads(text)["type"], question["opinion"]) == ("opinion.asked", made["id"])
    assert question["fields"] == {"child_name": PUT}
    assert leaks({"sent": text}) == set()
    assert asked.case["id"] not in text
    file = await anonymous.get(question["materials"][0]["document"]["link"])
    assert (file.status_code, file.content) == (200, making.pdf())
    said = {"task": question["task"], "outcome": "opinion_given", "answer": "agree", "words": "属实"}
    first = await call_back(anonymous, clock, **said)
    assert (first.status_code, first.json()) == (200, {"outcome": "applied", "opinion": made["id"]})
    again = await call_back(anonymous, clock, "m-2", **said)
    assert again.json() == {"outcome": "recorded-late", "opinion": made["id"]}
    (seen,) = (await asked.handling.get(asked.here)).json()["items"]
    assert (seen["answer"], seen["words"], seen["answered_by"]) == ("agree", "属实", "department:bank")
    assert (await asked.give(made["id"])).status_code == 409
    assert await decide(parts, asked) == "applied"
    assert (await record.verify(parts.database)).tamperings == ()
    examined = examination.examine(parts.database, parts.catalogue.bundle)
    assert [found async for found in examined if found.invariant != "I6" or "bank" in found.what] == []


@sqlite
async def test_who_answers_a_question_as_a_task_is_told_why_not_and_nothing_of_the_case(
    asked: Asked, parts: Parts, clock: FrozenClock, anonymous: httpx2.AsyncClient
) -> None:
    _, heard = await sent(parts, asked)
    task = json.loads(heard.body)["data"]["task"]
    refused = await call_back(anonymous, clock, task=task, outcome="accepted")
    assert (refused.status_code, refused.json()["allowed"], refused.json()["present"]) == (409, [], {})
    assert "opinion_given" in refused.json()["detail"]
    assert asked.case["id"] not in refused.text
    (seen,) = (await asked.handling.get(asked.here)).json()["items"]
    assert seen["state"] == "asked"


@sqlite
async def test_the_papers_of_a_question_end_with_it(
    asked: Asked, parts: Parts, anonymous: httpx2.AsyncClient
) -> None:
    made, heard = await sent(parts, asked, materials=["record"])
    link = json.loads(heard.body)["data"]["materials"][0]["document"]["link"]
    assert (await anonymous.head(link)).status_code == 200
    path, key = f"{asked.here}/{made['id']}/withdrawal", {"Idempotency-Key": "w"}
    await asked.handling.post(path, json={"reason": "已查明"}, headers=key)
    assert (await anonymous.get(link)).status_code == 404


@sqlite
async def test_where_a_department_has_no_endpoint_the_question_stays_to_be_read(
    asked: Asked, parts: Parts
) -> None:
    made = await asked.ask()
    await work(parts)
    await work(parts)
    (tried,) = [
        each
        for each in (await asked.officer.get(asked.here.replace("opinions", "attempts"))).json()["items"]
        if each["task"] == to_text("tsk", UUID(made["id"]))
    ]
    assert (tried["reason"], tried["department"]) == (AtDesk().reason, "bank")
    assert len((await asked.bank.get("/v1/opinions")).json()["items"]) == 1
    assert (await asked.give(made["id"])).status_code == 200


# ---- fetched by who is asked


async def fetching(parts: Parts, department: str) -> str:
    """The endpoint of a department that cannot be called."""
    wanted = Wanted("department", department, adapter="pull")
    made = await endpoints.register(parts.database, wanted, parts.machine_clock.now())
    return to_text(ENDPOINT_PREFIX, made.endpoint.id)


async def lease(client: httpx2.AsyncClient, endpoint: str) -> dict[str, Any]:
    """What a department fetches."""
    fetched = await client.post(f"/v1/endpoints/{endpoint}/queue/leases", json={})
    assert fetched.status_code == 200, fetched.text
    found: dict[str, Any] = fetched.json()
    return found


async def test_who_fetches_gets_the_question_and_answers_it(asked: Asked, parts: Parts) -> None:
    endpoint, other = await fetching(parts, "bank"), await fetching(parts, "police")
    made = await asked.ask(fields=["child_name"])
    await work(parts)
    queue_of = f"/v1/endpoints/{endpoint}/queue"
    assert (await asked.bank.get(queue_of)).json()["waiting"] == 1
    assert (await lease(asked.police, other))["items"] == []
    fetched = await lease(asked.bank, endpoint)
    (item,) = fetched["items"]
    assert (item["sheet"]["opinion"], item["sheet"]["fields"]) == (made["id"], {"child_name": PUT})
    kept = await asked.bank.post(
        f"{queue_of}/leases/{fetched['lease']}/receipts", json={"task": item["task"]}
    )
    assert kept.json() == {"outcome": "applied"}
    data = {"task": item["task"], "outcome": "opinion_given", "answer": "no_remarks"}
    body = {"type": "task.outcome", "timestamp": "2026-11-23T02:00:00Z", "data": data}
    given = await asked.bank.post(f"{queue_of}/answers", json=body, headers={"Idempotency-Key": "a"})
    assert (given.status_code, given.json()) == (200, {"outcome": "applied", "opinion": made["id"]})
    (seen,) = (await asked.handling.get(asked.here)).json()["items"]
    assert (seen["state"], seen["answer"]) == ("given", "no_remarks")


async def test_a_key_that_is_confined_elsewhere_fetches_no_question(
    asked: Asked, parts: Parts, anonymous: httpx2.AsyncClient
) -> None:
    endpoint, now = await fetching(parts, "bank"), parts.machine_clock.now()
    await asked.ask()
    await work(parts)
    made = await keys.create(
        parts.database, kind="department", client="bank", now=now, jurisdictions=frozenset({"wuxi"})
    )
    elsewhere = acting(anonymous, made.token)
    assert (await lease(elsewhere, endpoint))["items"] == []
    assert len((await lease(asked.bank, endpoint))["items"]) == 1


async def test_with_a_queue_who_is_asked_sees_on_no_route_what_was_not_put(
    app: Application, asked: Asked, parts: Parts
) -> None:
    endpoint = await fetching(parts, "bank")
    made = await asked.ask(fields=["child_name"], materials=["record"])
    await work(parts)
    known = {"task": to_text("tsk", UUID(made["id"])), "endpoint_id": endpoint}
    found = await everything(app, asked.bank, asked, made["id"], **known)
    assert PUT in found["POST /v1/endpoints/{endpoint_id}/queue/leases"]
    assert leaks(found) == set()
    with mock.patch.object(consultations, "_sheet", lambda draft, *_: whole_of(draft)):  # the control
        again = await asked.ask(key="c", department="police")
    police = await fetching(parts, "police")
    await work(parts)
    known = {"task": to_text("tsk", UUID(again["id"])), "endpoint_id": police}
    shown = leaks(await everything(app, asked.police, asked, again["id"], **known))
    assert {name for name, _ in shown} >= {"applicant", "address"}
