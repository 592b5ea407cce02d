"""F24: any sequence of requests, answers, claims and hours over the real API does what a plain model says.

Hypothesis chooses the sequence and, when it fails, the shortest one that still does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar, TypeVar
from unittest import mock
from uuid import UUID

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as from_seed
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    get_state_machine_test,
    initialize,
    invariant,
    precondition,
    rule,
)
from sqlalchemy import RowMapping, delete, select
from structlog.processors import format_exc_info
from structlog.testing import capture_logs

from onenet.adapters import signing
from onenet.adapters.transport import Attempt, Transport
from onenet.api.parts import Parts
from onenet.app import Application, create_app
from onenet.clock import FrozenClock
from onenet.domain import visibility
from onenet.domain.bundle import Bundle
from onenet.domain.outcome import Accepted, Completed, Outcome, Received, Rejected, TryLater
from onenet.domain.sheet import TASK_PREFIX
from onenet.errors import OnenetError
from onenet.ids import new_id, to_text
from onenet.services import endpoints, keys, record, steps
from onenet.services.advance import Gate
from onenet.services.catalogue import Catalogue
from onenet.services.endpoints import Wanted
from onenet.services.identity import Identity
from onenet.services.keys import Keyring
from onenet.services.leases import Claimed
from onenet.services.reading import Reading
from onenet.services.tokens import AccessTokens
from onenet.services.watch import Watch
from onenet.store import idempotency, queue, tables
from onenet.store.database import Database
from tests.api.conftest import PUBLIC_URL, publish, submission
from tests.documents.vaults import bare_vault
from tests.factories import NOW, make_bundle, make_material, make_member, make_question
from tests.faults import form
from tests.faults.case_model import DECIDED, LEADS_TO, Case, Refused, Task
from tests.keys import key_ring
from tests.simulation import checks
from tests.simulation.inline_sqlite import without_threads
from tests.simulation.mutants import MUTANTS, Mutant

EXAMPLES = {"sqlite": form.count(12, 200), "postgresql": form.count(4, 100)}
STEPS = form.count(30, 50)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(form.count(300, 3_600))]

Answer = TypeVar("Answer")

SUBJECTS = ("citizen-1", "citizen-2")
BLURRED = {"requests": [{"kind": "material", "code": "record", "reason": "blurred"}]}
MEMBERS: dict[str, dict[str, Any]] = {
    "supplement_needed": BLURRED,
    "rejected": {"reason_code": "refused", "reason": "not entitled"},
    "suspended": {"procedure": "hearing"},
}
AT_ONCE: dict[str, Outcome] = {
    "received": Received(),
    "accepted": Accepted(),
    "completed": Completed(),
    "rejected": Rejected("refused", "not entitled"),
    "later": TryLater("transient", "answered 500"),
    "much_later": TryLater("transient", "answered 429", 3_600),
    "permanent": TryLater("permanent", "answered 400"),
    "gone": TryLater("gone", "answered 410"),
}


def bundle() -> Bundle:
    """The model's three steps."""
    return make_bundle(
        make_member("a", department="health", materials=["record"], fields=["child_name"]),
        make_member("b", department="police", after=["a"], when="local == true", materials=["record"]),
        make_member("c", department="health", materials=["record"]),
        questions=[make_question("local")],
        materials=[make_material("record")],
    )


class Scripted(Transport):
    """A line on which the next answer is known beforehand."""

    def __init__(self) -> None:
        self.next: Outcome = Received()

    async def drive(self, talk: Any, *, endpoint: Any, key: str, now: Any) -> Attempt:
        talk.close()
        failure = self.next.failure if isinstance(self.next, TryLater) else None
        return Attempt(self.next, None, now, now, failure, "", 0)


@dataclass
class Said:
    """A request that was answered 2xx, and what it was answered."""

    subject: str
    path: str
    key: str
    body: dict[str, Any]
    answer: httpx2.Response


@dataclass
class Called:
    """A callback that was answered."""

    department: str
    id: str
    body: bytes
    answer: httpx2.Response


@dataclass
class Town:
    """The real thing: one application over one database, with the clock in our hand."""

    database: Database
    loop: asyncio.AbstractEventLoop
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(NOW))
    app: Application | None = None

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Has it done."""
        return self.loop.run_until_complete(work)

    async def begin(self) -> None:
        """Empties the database and sets the application up anew."""
        self.clock = FrozenClock(NOW)
        async with self.database.transaction() as connection:
            for table in reversed(tables.metadata.sorted_tables):
                await connection.execute(delete(table))
        await publish(self.database, bundle())
        catalogue, watch = Catalogue(self.database), Watch(self.database)
        self.gate = Gate(self.database, catalogue.bundle, self.clock, self.clock)
        self.gate.listen(watch.on_commit)
        keyring = Keyring(self.database, self.clock)
        identity = Identity(keyring, AccessTokens((), self.database, self.clock))
        reading = Reading(self.database, catalogue)
        vault = bare_vault(self.database, self.clock)
        parts = Parts(
            PUBLIC_URL, self.database, self.gate, watch, catalogue, reading, identity, self.clock, vault
        )
        self.transport = Scripted()
        if self.app is None:
            self.app = create_app(parts)
        self.app.state.parts = parts
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url=PUBLIC_URL)
        self.secrets = {code: await self._register(code) for code in ("health", "police")}
        self.frontend = await self._key("frontend", "app")
        self.officer = await self._key("supervisor", "city")
        self.auditor = await self._key("auditor", "city")

    async def _register(self, department: str) -> str:
        wanted = Wanted("department", department, f"https://{department}.example.org/tasks")
        return (await endpoints.register(self.database, wanted, self.clock.now())).endpoint.secrets[0]

    async def _key(self, kind: Any, client: str) -> dict[str, str]:
        made = await keys.create(self.database, kind=kind, client=client, now=self.clock.now())
        return {"Authorization": f"Bearer {made.token}"}

    def request(self, method: str, path: str, who: str, **said: Any) -> httpx2.Response:
        """A request of a subject, of the officer who decides, or of an auditor."""
        offices = {"officer": self.officer, "auditor": self.auditor}
        own = offices.get(who) or {**self.frontend, "Onenet-Subject": who}
        headers = {**own, **said.pop("headers", {})}
        return self.run(self.client.request(method, path, headers=headers, **said))

    def call_back(self, department: str, message_id: str, body: bytes, secret: str = "") -> httpx2.Response:
        """A callback, signed now."""
        proof = signing.sign(
            body, [secret or self.secrets[department]], message_id=message_id, at=self.clock.now()
        )
        headers = {**proof, "Content-Type": "application/json"}
        return self.run(self.client.post(f"/v1/callbacks/{department}", content=body, headers=headers))

    async def rows(self, table: Any) -> list[RowMapping]:
        """All rows of a table."""
        async with self.database.read() as connection:
            return list((await connection.execute(select(table))).mappings())

    def applications(self) -> list[RowMapping]:
        """The tasks that the model knows: what tells a department of a withdrawal moves nothing in a case."""
        return [row for row in self.run(self.rows(tables.task)) if row["kind"] == "application"]


class AnyHistory(RuleBasedStateMachine):
    """Rules: what anybody may do. Invariants: what has to be true after each."""

    town: ClassVar[Town]

    def __init__(self) -> None:
        super().__init__()
        self.cases: list[Case] = []
        self.said: list[Said] = []
        self.called: list[Called] = []
        self.claimed: list[tuple[Case, Task, Claimed]] = []
        self.seqs: dict[UUID, int] = {}
        self.events: dict[UUID, list[Any]] = {}
        self.count = 0
        self.moved = True

    @initialize(local=st.booleans())
    def begin(self, local: bool) -> None:
        self.town.run(self.town.begin())
        self._open(SUBJECTS[0], local)

    def _in_state(self, state: str) -> list[tuple[Case, str]]:
        return [(case, s.code) for case in self.cases for s in case.steps.values() if s.state == state]

    def _key(self) -> str:
        self.count += 1
        return f"k-{self.count}"

    def _case(self, data: st.DataObject) -> Case:
        return self.cases[data.draw(st.integers(0, len(self.cases) - 1), label="case")]

    def _task(self, data: st.DataObject) -> tuple[Case, Task]:
        """Mostly a task that still matters."""
        found: list[tuple[Case, Task]] = [(case, task) for case in self.cases for task in case.tasks]
        live = [(case, task) for case, task in found if task.state not in ("done", "withdrawn")]
        if live and data.draw(st.sampled_from((True, True, True, False)), label="live"):
            found = live
        return found[data.draw(st.integers(0, len(found) - 1), label="task")]

    # ---- applicants

    @precondition(lambda self: len(self.cases) < 3)
    @rule(subject=st.sampled_from(SUBJECTS), local=st.booleans())
    def submit(self, subject: str, local: bool) -> None:
        self._open(subject, local)

    def _open(self, subject: str, local: bool) -> None:
        body = submission(answers={"local": local}, form={"child_name": "示例宝"})
        answer = self._say(subject, "/v1/cases", body, 202)
        assert answer is not None
        case = Case(UUID(answer.json()["id"]), subject)
        case.open(local, self.town.clock.now())
        self.cases.append(case)
        self._read_tasks(case)

    @precondition(lambda self: self.moved)
    @rule(data=st.data(), other=st.booleans())
    def repeat(self, data: st.DataObject, other: bool) -> None:
        """The same request gets the same answer, another one under its key none."""
        self.moved = False
        said = self.said[data.draw(st.integers(0, len(self.said) - 1), label="request")]
        body = {**said.body, "note": "x"} if other else said.body
        answer = self._post(said.subject, said.path, body, said.key)
        if other:
            assert answer.status_code in (400, 422), answer.text
            return
        assert (answer.status_code, answer.content) == (said.answer.status_code, said.answer.content)
        assert answer.headers["idempotency-replayed"] == "true"

    @precondition(lambda self: self._in_state("supplement_needed"))
    @rule(data=st.data(), complete=st.sampled_from((True, True, False)))
    def hand_in(self, data: st.DataObject, complete: bool) -> None:
        asked = self._in_state("supplement_needed")
        self._hand_in(*asked[data.draw(st.integers(0, len(asked) - 1), label="asked")], complete=complete)
        self.moved = True

    @precondition(lambda self: self.moved)
    @rule(data=st.data(), code=st.sampled_from("abc"))
    def hand_in_anything(self, data: st.DataObject, code: str) -> None:
        self._hand_in(self._case(data), code, complete=True)
        self.moved = False

    def _hand_in(self, case: Case, code: str, *, complete: bool) -> None:
        given = [{"code": "record", "reference": f"sample/{self.count}"}] if complete else []
        path, body = f"/v1/cases/{case.id}/supplements", {"step": code, "materials": given}
        try:
            case.hand_in(code, self.town.clock.now(), complete=complete)
        except Refused:
            assert self._say(case.subject, path, body, 409) is None
            return
        self._say(case.subject, path, body, 200)
        self._read_tasks(case)

    @precondition(lambda self: self.moved)
    @rule(data=st.data(), sure=st.sampled_from((False, False, False, True)))
    def withdraw(self, data: st.DataObject, sure: bool) -> None:
        """Mostly under a condition that does not hold, so that nothing happens."""
        self.moved = False
        case = self._case(data)
        path = f"/v1/cases/{case.id}/withdrawal"
        if not sure:
            answer = self._post(case.subject, path, {}, self._key(), {"If-Match": '"0.stale"'})
            assert answer.status_code == 412, answer.text
            return
        try:
            case.withdraw()
        except Refused:
            assert self._say(case.subject, path, {}, 409) is None
        else:
            self._say(case.subject, path, {}, 200)

    @precondition(lambda self: self.moved)
    @rule(data=st.data())
    def look_at_another_persons(self, data: st.DataObject) -> None:
        self.moved = False
        case = self._case(data)
        (stranger,) = set(SUBJECTS) - {case.subject}
        for path in ("", "/steps", "/events"):
            assert self.town.request("GET", f"/v1/cases/{case.id}{path}", stranger).status_code == 404
        for path in ("withdrawal", "supplements"):
            body = {"step": "a"} if path == "supplements" else {}
            assert self._post(stranger, f"/v1/cases/{case.id}/{path}", body, self._key()).status_code == 404

    def _say(self, who: str, path: str, body: dict[str, Any], status: int) -> httpx2.Response | None:
        """A request that is answered so; one that is answered 2xx is remembered, and given back."""
        key = self._key()
        answer = self._post(who, path, body, key)
        assert answer.status_code == status, answer.text
        if status >= 300:
            return None
        self.said.append(Said(who, path, key, body, answer))
        return answer

    def _post(
        self, who: str, path: str, body: dict[str, Any], key: str, more: dict[str, str] | None = None
    ) -> httpx2.Response:
        headers = {"Idempotency-Key": key, **(more or {})}
        return self.town.request("POST", path, who, json=body, headers=headers)

    # ---- the officer

    @precondition(lambda self: self._in_state("held"))
    @rule(data=st.data(), action=st.sampled_from(("release", "release", "release", *DECIDED)))
    def decide(self, data: st.DataObject, action: str) -> None:
        held = self._in_state("held")
        self._decide(*held[data.draw(st.integers(0, len(held) - 1), label="held")], action)
        self.moved = True

    @precondition(lambda self: self.moved)
    @rule(data=st.data(), code=st.sampled_from("abc"), action=st.sampled_from(("release", *DECIDED)))
    def decide_anything(self, data: st.DataObject, code: str, action: str) -> None:
        self._decide(self._case(data), code, action)
        self.moved = False

    def _decide(self, case: Case, code: str, action: str) -> None:
        path, body = f"/v1/cases/{case.id}/steps/{code}/decisions", {"action": action, "reason": "said so"}
        try:
            case.decide(code, action, self.town.clock.now())
        except Refused:
            assert self._say("officer", path, body, 409) is None
            return
        self._say("officer", path, body, 200)
        self._read_tasks(case)

    # ---- departments

    @rule(
        data=st.data(),
        word=st.sampled_from((*LEADS_TO, "accepted", "completed")),
        step_on=st.sampled_from((None, 1, 2, 0, -1)),
    )
    def answer(self, data: st.DataObject, word: str, step_on: int | None) -> None:
        """A callback: right, late, out of order, before its task was even sent."""
        self.moved = True
        case, task = self._task(data)
        seq = None if step_on is None else max(1, task.heard + step_on)
        counted = {} if seq is None else {"seq": seq}
        wanted = case.answer(task, word, seq, self.town.clock.now())
        said = {"task": to_text(TASK_PREFIX, task.id), "outcome": word, **MEMBERS.get(word, {}), **counted}
        message = {"type": "task.outcome", "timestamp": self.town.clock.now().isoformat(), "data": said}
        body, message_id = json.dumps(message).encode(), self._key()
        answer = self.town.call_back(task.department, message_id, body)
        if wanted == "refused":
            assert answer.status_code == 409, (word, answer.text)
        else:
            assert (answer.status_code, answer.json().get("outcome")) == (200, wanted), (word, answer.text)
        self.called.append(Called(task.department, message_id, body, answer))
        self._read_tasks(case)

    @precondition(lambda self: self.moved and self.called)
    @rule(data=st.data(), other=st.booleans())
    def answer_again(self, data: st.DataObject, other: bool) -> None:
        """The same message gets the same answer; another one under its id is a conflict."""
        self.moved = False
        called = self.called[data.draw(st.integers(0, len(self.called) - 1), label="callback")]
        body = called.body.replace(b'"task.outcome"', b' "task.outcome"') if other else called.body
        answer = self.town.call_back(called.department, called.id, body)
        if other:
            assert answer.status_code == 409, answer.text
            assert answer.json()["type"].endswith("/callback-conflict")
            return
        assert answer.status_code == called.answer.status_code
        if answer.status_code == 200:
            assert (answer.content, answer.headers["x-duplicate"]) == (called.answer.content, "true")

    @precondition(lambda self: self.moved)
    @rule(data=st.data(), forged=st.booleans())
    def answer_for_another(self, data: st.DataObject, forged: bool) -> None:
        """Whoever is not the task's department, or cannot sign, is not heard."""
        self.moved = False
        _, task = self._task(data)
        (other,) = {"health", "police"} - {task.department}
        said = {"task": to_text(TASK_PREFIX, task.id), "outcome": "completed"}
        message = {"type": "task.outcome", "timestamp": self.town.clock.now().isoformat(), "data": said}
        body = json.dumps(message).encode()
        if forged:
            answer = self.town.call_back(task.department, self._key(), body, self.town.secrets[other])
            assert answer.status_code == 401, answer.text
        else:
            assert self.town.call_back(other, self._key(), body).status_code == 404

    # ---- workers and time

    @precondition(lambda self: self.moved or self._is_due())
    @rule()
    def claim(self) -> None:
        """A worker takes all that is due, and nothing else."""
        town = self.town
        self.moved = self._is_due()
        now = town.clock.now()
        claimed = town.run(steps.claim(town.database, queue.TASKS, town.clock, 100))
        token = claimed[0].token if claimed else new_id()
        wanted = [(case, task) for case in self.cases for task in case.claim(token, now)]
        by_id = {work.row["id"]: work for work in claimed if work.row["kind"] == "application"}
        assert by_id.keys() == {task.id for _, task in wanted}
        self.claimed += [(case, task, by_id[task.id]) for case, task in wanted]

    def _is_due(self) -> bool:
        now = self.town.clock.now()
        return any(task.next_at and task.next_at <= now for case in self.cases for task in case.tasks)

    @precondition(lambda self: self.claimed)
    @rule(data=st.data(), said=st.sampled_from((*AT_ONCE, "received", "later")))
    def record_result(self, data: st.DataObject, said: str) -> None:
        """A worker comes back, perhaps after somebody else has its work, perhaps for the second time."""
        town = self.town
        live = [lease for lease in self.claimed if lease[1].token == lease[2].token]
        if live and data.draw(st.sampled_from((True, True, True, False)), label="live"):
            leases = live
        else:
            leases = self.claimed
        case, task, work = leases[data.draw(st.integers(0, len(leases) - 1), label="lease")]
        self.moved = True
        town.transport.next = AT_ONCE[said]
        outcome = AT_ONCE[said]
        case.record(task, work.token, outcome if isinstance(outcome, TryLater) else said, town.clock.now())
        town.run(steps.dispatch(town.gate, town.transport, town.clock, work))
        self._read_tasks(case)

    @precondition(lambda self: self.moved)
    @rule(hours=st.sampled_from((0.001, 0.009, 0.1, 1, 6, 24)))
    def time_passes(self, hours: float) -> None:
        self.moved = False
        self.town.clock.advance(timedelta(hours=hours))

    def _read_tasks(self, case: Case) -> None:
        """Learns the ids of tasks that the model says are there; the schedule's jitter hangs on them."""
        rows = self.town.applications()
        found = {(row["step"], row["submission"]): row["id"] for row in rows if row["case_id"] == case.id}
        assert found.keys() == {(task.step, task.number) for task in case.tasks}
        for task in case.tasks:
            task.id = found[task.step, task.number]

    # ---- invariants

    @invariant()
    def cases_are_as_the_model_says(self) -> None:
        """Each subject sees its own cases and no other, as the model has them."""
        for subject in SUBJECTS:
            items = self.town.request("GET", "/v1/cases", subject).json()["items"]
            assert {
                UUID(item["id"]): (item["state"], {step["code"]: step["state"] for step in item["steps"]})
                for item in items
            } == {
                case.id: (case.state, {step.code: step.state for step in case.steps.values()})
                for case in self.cases
                if case.subject == subject
            }
            self.seqs |= {UUID(item["id"]): item["seq"] for item in items}

    @invariant()
    def tasks_are_as_the_model_says(self) -> None:
        rows = self.town.applications()
        assert {row["id"]: (row["state"], row["next_at"], row["tries"]) for row in rows} == {
            task.id: (task.state, task.next_at, task.tries) for case in self.cases for task in case.tasks
        }

    @invariant()
    def the_record_only_grows(self) -> None:
        """What was on record stays as it was; numbers go on without a gap; the chain holds."""
        grown = [id for id, seq in self.seqs.items() if seq != len(self.events.get(id, ()))]
        for id in grown:
            before = self.events.get(id, [])
            path = f"/v1/cases/{id}/events?since={len(before)}&limit=100"
            new = self.town.request("GET", path, "auditor").json()["items"]
            assert [event["seq"] for event in new] == list(range(len(before) + 1, self.seqs[id] + 1))
            self.events[id] = before + new
        if grown:
            verdict = self.town.run(record.verify(self.town.database))
            assert (verdict.tamperings, verdict.events) == ((), sum(self.seqs.values()))


@pytest.fixture
def town(database_url: str, backend: str) -> Iterator[Town]:
    with ExitStack() as stack:
        if backend == "sqlite":
            stack.enter_context(without_threads())
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        opened = Town(Database(database_url, pool_size=2, ring=key_ring()), loop)
        stack.callback(lambda: loop.run_until_complete(opened.database.close()))
        yield opened


def explore(town: Town, examples: int, *phases: Phase, seed: int = form.SEED) -> None:
    """Lets Hypothesis look for a history that is not as the model says. Raises: what it found."""

    class InTown(AnyHistory):
        pass

    InTown.town = town
    chosen = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    with capture_logs([format_exc_info]) as logged:
        from_seed(seed)(get_state_machine_test(InTown, settings=chosen))()
    assert list(checks.errors_logged(logged)) == []


def test_any_history_is_as_the_model_says(town: Town, backend: str) -> None:
    print(f"\nF24: {backend}: {EXAMPLES[backend]} histories of {STEPS} steps, seed {form.SEED}", flush=True)
    explore(town, EXAMPLES[backend], Phase.generate, Phase.shrink)


ACCIDENTS = [
    *(mutant for mutant in MUTANTS if mutant.name in ("no_fencing", "event_without_chain")),
    *(mutant for mutant in MUTANTS if mutant.name in ("stale_callback_applied", "superseded_answer_applied")),
    Mutant(
        "seen_by_strangers", "whoever knows a case's id sees it",
        lambda: [mock.patch.object(visibility, "RULES", (replace(visibility.RULES[0], conditions=()),))],
    ),
    Mutant(
        "keys_unread", "a repeated request is done again",
        lambda: [mock.patch.object(idempotency, "find", return_value={})],
    ),
]  # fmt: skip


FOUND_SOON = {"no_fencing": 2, "stale_callback_applied": 1, "superseded_answer_applied": 2}
"""Seeds under which they are found in seconds; by others too, but some take a minute."""


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("mutant", ACCIDENTS, ids=lambda mutant: mutant.name)
def test_a_planted_accident_is_found(town: Town, mutant: Mutant) -> None:
    seed = form.SEED if form.LONG else FOUND_SOON.get(mutant.name, form.SEED)
    print(f"\nF24: {mutant.name}: {mutant.accident}: seed {seed}", flush=True)
    with ExitStack() as stack:
        for patch in mutant.patches():
            stack.enter_context(patch)
        with pytest.raises((AssertionError, OnenetError)):
            explore(town, 300, Phase.generate, seed=seed)
