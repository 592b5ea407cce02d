"""The gate: many changes in one commit, one effect for one key, and nobody hurt by a neighbour."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, select

from onenet.clock import FrozenClock
from onenet.domain.bundle import Bundle
from onenet.domain.case import Case, Decision
from onenet.domain.commands import DecideStep, Open, RecordAnswer, RecordAttempt, Withdraw
from onenet.domain.outcome import Accepted, Completed, Received
from onenet.domain.states import CaseState, StepState
from onenet.errors import (
    CallbackConflict,
    Conflict,
    IdempotencyKeyReused,
    MoveRefused,
    NotFound,
    PreconditionFailed,
    StaleWrite,
    Unavailable,
)
from onenet.ids import new_id
from onenet.services import advance, record, steps
from onenet.services.advance import Gate
from onenet.services.change import Change, Once, Result
from onenet.services.hands import Hand
from onenet.services.leases import Claimed, Kind
from onenet.services.numbering import NumberTemplate
from onenet.store import cases, idempotency, queue, tables
from onenet.store.database import Database
from onenet.store.idempotency import StoredAnswer
from tests.factories import ACTOR, Shelf, make_bundle, make_content, make_member, make_opening
from tests.keys import key_ring
from tests.store.seeding import count, load_one, save_subscriber
from tests.store.unreachable import unreachable_database

pytestmark = pytest.mark.anyio


def render(case: Case, decision: Decision) -> StoredAnswer:
    return StoredAnswer(201, json.dumps({"id": str(case.id), "seq": case.seq, "reply": decision.reply}))


def once(key: str = "k-1", fingerprint: bytes = b"same", scope: str = "frontend:app") -> Once:
    return Once(scope, key, fingerprint, IdempotencyKeyReused)


def withdrawal(case: Case | Result, **fields: Any) -> Change:
    case_id = case.case_id if isinstance(case, Result) else case.id
    assert case_id is not None
    return Change(case_id, Withdraw(), ACTOR, **fields)


async def submit_all(gate: Gate, changes: Sequence[Change]) -> list[Result | BaseException]:
    """Submits them at once; each gets its own outcome."""
    return await asyncio.gather(*map(gate.submit, changes), return_exceptions=True)


async def opened(gate: Gate, bundle: Bundle, number: int = 1) -> list[Case]:
    results = await asyncio.gather(*(gate.submit(make_opening(bundle)) for _ in range(number)))
    return [result.case for result in results if result.case]


@contextmanager
def counted_commits(database: Database) -> Iterator[list[int]]:
    """Counts the commits of what writes."""
    commits: list[int] = []
    engine = database._writer.sync_engine

    def on_commit(connection: Any) -> None:
        commits.append(1)

    event.listen(engine, "commit", on_commit)
    yield commits
    event.remove(engine, "commit", on_commit)


@pytest.fixture
def bundle(shelf: Shelf) -> Bundle:
    return shelf.put(make_bundle(make_member("a"), make_member("b", department="bank", after=["a"])))


# ---- group commit


async def test_an_accepted_case_is_on_disk_with_its_number_and_its_first_event(
    database: Database, gate: Gate, shelf: Shelf, bundle: Bundle
) -> None:
    (case,) = await opened(gate, bundle)
    assert case.number == "32050020261123000001"
    assert await load_one(database, shelf, case.id) == case
    assert (await record.verify(database)).tamperings == ()


async def test_changes_that_arrive_together_share_a_commit(
    database: Database, gate: Gate, bundle: Bundle
) -> None:
    with counted_commits(database) as commits:
        cases_ = await opened(gate, bundle, 50)
    assert len(commits) <= 3  # the first alone, at once; a crowd beside it; then all others
    assert len({case.number for case in cases_}) == 50


async def test_an_idle_gate_starts_at_once(database: Database, gate: Gate, bundle: Bundle) -> None:
    with counted_commits(database) as commits:
        await gate.submit(make_opening(bundle))
        await gate.submit(make_opening(bundle))
    assert len(commits) == 2


async def test_a_commit_takes_the_same_number_of_statements_however_many_changes_it_carries(
    database: Database, gate: Gate, bundle: Bundle
) -> None:
    await save_subscriber(database, "http://127.0.0.1:1")
    counts = []
    for number in (1, 80):
        changes = [make_opening(bundle, once=once(f"{number}-{n}"), render=render) for n in range(number)]
        with counted_statements(database) as statements:
            await gate._commit(changes)
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 12


@contextmanager
def counted_statements(database: Database) -> Iterator[list[str]]:
    """Notes the statements of what writes."""
    statements: list[str] = []
    engine = database._writer.sync_engine

    def on_execute(*told: Any) -> None:
        statements.append(told[2])

    event.listen(engine, "before_cursor_execute", on_execute)
    yield statements
    event.remove(engine, "before_cursor_execute", on_execute)


async def test_changes_of_one_case_that_arrive_together_follow_one_another(
    gate: Gate, bundle: Bundle
) -> None:
    (case,) = await opened(gate, bundle)
    (task_id,) = case.tasks
    answers = [RecordAnswer(task_id, Accepted()), RecordAnswer(task_id, Completed())]
    results = await asyncio.gather(*(gate.submit(Change(case.id, answer, ACTOR)) for answer in answers))
    assert [result.reply for result in results] == ["applied", "applied"]
    assert results[1].case is not None
    assert results[1].case.seq > case.seq + 2


async def test_a_caller_that_gives_up_does_not_stop_its_change(
    database: Database, gate: Gate, shelf: Shelf, bundle: Bundle
) -> None:
    """The request is gone, the case is not: half a batch must never be cancelled from outside."""
    (case,) = await opened(gate, bundle)
    caller = asyncio.create_task(gate.submit(withdrawal(case)))
    other = asyncio.create_task(gate.submit(make_opening(bundle)))
    await asyncio.sleep(0)
    caller.cancel()
    assert (await other).case is not None
    assert (await load_one(database, shelf, case.id)).state is CaseState.WITHDRAWN


# ---- neighbours


async def test_a_refused_change_leaves_its_neighbours_standing(
    database: Database, gate: Gate, shelf: Shelf, bundle: Bundle
) -> None:
    good, closed = await opened(gate, bundle, 2)
    await gate.submit(withdrawal(closed))
    results = await submit_all(
        gate,
        [
            withdrawal(closed),
            withdrawal(good),
            Change(new_id(), Withdraw(), ACTOR),
            Change(good.id, DecideStep("a", "skip", "why"), ACTOR),
        ],
    )
    assert [type(result) for result in results] == [MoveRefused, Result, NotFound, MoveRefused]
    assert (await load_one(database, shelf, good.id)).state is CaseState.WITHDRAWN


async def test_a_poisoned_change_leaves_its_neighbours_standing(
    database: Database, gate: Gate, bundle: Bundle
) -> None:
    """One that makes the whole batch fail is found by putting each through alone."""

    def explode(case: Case, decision: Decision) -> StoredAnswer:
        raise ZeroDivisionError

    changes = [make_opening(bundle) for _ in range(4)]
    changes.insert(2, make_opening(bundle, once=once(), render=explode))
    results = await submit_all(gate, changes)
    assert [type(result) for result in results] == [Result, Result, ZeroDivisionError, Result, Result]
    async with database.read() as connection:
        assert await count(connection, tables.cases) == 4
        assert await count(connection, tables.idempotency_key) == 0


async def test_a_row_the_database_refuses_leaves_its_neighbours_standing(
    database: Database, gate: Gate, bundle: Bundle
) -> None:
    """Postgres takes no zero byte and SQLite does; neither may take the neighbours with it."""
    poisoned = make_opening(bundle, content=make_content(applicant="\ud800"))
    results = await submit_all(gate, [make_opening(bundle), poisoned, make_opening(bundle)])
    assert isinstance(results[1], Exception)
    assert isinstance(results[0], Result)
    assert isinstance(results[2], Result)
    async with database.read() as connection:
        assert await count(connection, tables.cases) == 2


async def test_a_change_that_breaks_a_rule_of_the_database_is_not_called_a_lost_race(
    gate: Gate, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trying it again five times would make everybody wait behind it, and end in the wrong answer."""
    tries = 0
    real = gate._commit

    async def counting(changes: Sequence[Change]) -> list[Result | Exception]:
        nonlocal tries
        tries += 1
        return await real(changes)

    monkeypatch.setattr(gate, "_commit", counting)
    opening = make_opening(bundle)
    assert opening.opening is not None
    bad = opening.opening.case._replace(subject=None)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(Exception, match=r"(?i)not.null"):
        await gate.submit(replace(opening, opening=replace(opening.opening, case=bad)))
    assert tries == 1


async def test_a_refused_opening_leaves_no_number(database: Database, gate: Gate, bundle: Bundle) -> None:
    """A number that names no case would be found, and lead nowhere."""
    with pytest.raises(PreconditionFailed):
        await gate.submit(make_opening(bundle, if_seq=7))
    async with database.read() as connection:
        assert await count(connection, tables.case_number) == 0


async def test_a_listener_that_fails_does_not_repeat_the_commit(
    database: Database, gate: Gate, bundle: Bundle
) -> None:
    def fail(committed: Sequence[Case]) -> None:
        raise ZeroDivisionError

    gate.listen(fail)
    with counted_commits(database) as commits:
        assert (await gate.submit(make_opening(bundle))).case is not None
    assert len(commits) == 1
    async with database.read() as connection:
        assert await count(connection, tables.cases) == 1


async def test_listeners_hear_of_every_case_that_was_committed(gate: Gate, bundle: Bundle) -> None:
    heard: list[tuple[Any, int]] = []
    gate.listen(lambda committed: heard.extend((case.id, case.seq) for case in committed))
    cases_ = await opened(gate, bundle, 3)
    assert sorted(heard) == sorted((case.id, case.seq) for case in cases_)


async def test_an_unreachable_database_is_told_to_every_caller(
    shelf: Shelf, clock: FrozenClock, tmp_path: Any
) -> None:
    async with unreachable_database(tmp_path, "sqlite") as nowhere:
        gate = Gate(nowhere, shelf.bundle_of, clock, clock)
        results = await submit_all(gate, [make_opening(make_bundle()) for _ in range(3)])
    assert [type(result) for result in results] == [Unavailable] * 3


# ---- once


async def test_a_caller_hears_in_time_that_somebody_else_holds_what_he_wants(
    database: Database, gate: Gate, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    (case,) = await opened(gate, bundle)
    monkeypatch.setattr(advance, "PATIENCE_S", 0.05)
    async with database.transaction() as holder:
        await holder.execute(tables.cases.update().values(state=tables.cases.c.state))
        with pytest.raises(Unavailable) as refused:
            await gate.submit(withdrawal(case, once=once(), render=render))
    assert refused.value.retry_after_s == 1
    monkeypatch.undo()
    assert (await gate.submit(withdrawal(case, once=once(), render=render))).answer


async def test_a_repeated_key_gets_the_stored_answer_and_has_no_effect(
    database: Database, gate: Gate, bundle: Bundle
) -> None:
    first = await gate.submit(make_opening(bundle, once=once(), render=render))
    again = await gate.submit(make_opening(bundle, once=once(), render=render))
    assert (again.replayed, again.answer, again.case_id) == (True, first.answer, first.case_id)
    async with database.read() as connection:
        assert await count(connection, tables.cases) == 1


async def test_a_key_repeated_within_one_commit_has_one_effect(
    database: Database, gate: Gate, bundle: Bundle
) -> None:
    changes = [make_opening(bundle, once=once(), render=render) for _ in range(10)]
    results = await gate._commit_all(changes)
    answers = {result.answer.body for result in results if isinstance(result, Result) and result.answer}
    assert len(results) == 10
    assert len(answers) == 1
    async with database.read() as connection:
        assert await count(connection, tables.cases) == 1
        assert (await connection.execute(select(tables.case_counter.c.serial))).scalar_one() == 1


async def test_who_opens_a_case_beside_a_repeated_key_gets_one_too(
    database: Database, gate: Gate, bundle: Bundle
) -> None:
    """A gate that knows the endpoints takes keys of new cases for new, until the database says otherwise."""
    await save_subscriber(database, "http://127.0.0.1:1")
    first = await gate.submit(make_opening(bundle, once=once(), render=render))
    changes = [make_opening(bundle, once=once(key), render=render) for key in ("k-1", "k-2", "k-3")]
    again, *others = await gate._commit_all(changes)
    assert isinstance(again, Result)
    assert (again.replayed, again.answer) == (True, first.answer)
    assert [isinstance(other, Result) and other.replayed for other in others] == [False, False]
    async with database.read() as connection:
        assert await count(connection, tables.cases) == 3
        numbers = (await connection.execute(select(tables.cases.c.number))).scalars().all()
    assert sorted(int(number[-4:]) for number in numbers) == [1, 2, 3]


async def test_a_subscriber_that_comes_later_is_told_of_the_next_case(
    database: Database, gate: Gate, bundle: Bundle
) -> None:
    await save_subscriber(database, "http://127.0.0.1:1")
    await opened(gate, bundle)
    late = await save_subscriber(database, "http://127.0.0.1:2", owner="other")
    case = (await gate.submit(make_opening(bundle, client="other"))).case
    assert case
    async with database.read() as connection:
        told = select(tables.delivery.c.endpoint_id).where(tables.delivery.c.case_id == case.id)
        assert set((await connection.execute(told)).scalars()) == {late.id}


async def test_a_key_with_another_fingerprint_is_a_conflict(
    database: Database, gate: Gate, bundle: Bundle
) -> None:
    await gate.submit(make_opening(bundle, once=once(), render=render))
    with pytest.raises(IdempotencyKeyReused):
        await gate.submit(make_opening(bundle, once=once(fingerprint=b"other"), render=render))
    async with database.read() as connection:
        assert await count(connection, tables.cases) == 1


async def test_a_conflict_about_the_key_is_never_stored_under_it(gate: Gate, bundle: Bundle) -> None:
    """The key's own answer stays the first one, also where the conflict could be rendered."""
    first = Once("callback:police", "m-1", b"same", CallbackConflict)
    other = replace(first, fingerprint=b"other")
    opened_ = await gate.submit(make_opening(bundle, once=first, render=render))
    with pytest.raises(CallbackConflict):
        await gate.submit(withdrawal(opened_, once=other, render=render, render_refusal=refusal))
    again = await gate.submit(withdrawal(opened_, once=first, render=render))
    assert again.answer == opened_.answer


def refusal(error: Conflict) -> StoredAnswer:
    return StoredAnswer(error.status, json.dumps({"code": error.code}))


async def test_one_key_in_two_scopes_is_two_keys(database: Database, gate: Gate, bundle: Bundle) -> None:
    for scope in ("frontend:app", "frontend:mini"):
        await gate.submit(make_opening(bundle, once=once(scope=scope), render=render))
    async with database.read() as connection:
        assert await count(connection, tables.cases) == 2


async def test_a_refusal_is_stored_and_repeated_too(gate: Gate, bundle: Bundle) -> None:
    """What is refused once stays refused under this key, even when it would be possible by now."""
    (case,) = await opened(gate, bundle)
    change = Change(
        case.id, DecideStep("a", "skip", "why"), ACTOR, once=once(), render=render, render_refusal=refusal
    )
    first = await gate.submit(change)
    again = await gate.submit(change)
    assert first.reply == "refused"
    assert first.answer is not None
    assert first.answer.status == 409
    assert (again.replayed, again.answer) == (True, first.answer)


async def test_what_nobody_answered_is_not_stored(database: Database, gate: Gate, bundle: Bundle) -> None:
    """An error that is not the command's own must not stick to the key."""
    with pytest.raises(NotFound):
        await gate.submit(Change(new_id(), Withdraw(), ACTOR, once=once(), render=render))
    async with database.read() as connection:
        assert await count(connection, tables.idempotency_key) == 0


async def test_a_change_of_a_case_that_moved_on_is_refused(gate: Gate, bundle: Bundle) -> None:
    (case,) = await opened(gate, bundle)
    with pytest.raises(PreconditionFailed):
        await gate.submit(withdrawal(case, if_seq=case.seq - 1))
    assert (await gate.submit(withdrawal(case, if_seq=case.seq))).case is not None


async def test_of_two_changes_for_the_same_last_event_one_is_refused(gate: Gate, bundle: Bundle) -> None:
    (case,) = await opened(gate, bundle)
    (task_id,) = case.tasks
    answer = Change(case.id, RecordAnswer(task_id, Accepted()), ACTOR, if_seq=case.seq)
    results = await submit_all(gate, [answer, withdrawal(case, if_seq=case.seq)])
    assert [type(result) for result in results] == [Result, PreconditionFailed]


# ---- two gates on one database


@pytest.fixture
async def rival(
    database_url: str, shelf: Shelf, clock: FrozenClock, anyio_backend: str
) -> AsyncIterator[Gate]:
    """The gate of another process."""
    database = Database(database_url, ring=key_ring())
    yield Gate(database, shelf.bundle_of, clock, clock)
    await database.close()


async def test_two_gates_racing_on_one_key_have_one_effect(
    database: Database, gate: Gate, rival: Gate, bundle: Bundle
) -> None:
    for number in range(5):
        changes = [make_opening(bundle, once=once(f"k-{number}"), render=render) for _ in range(2)]
        results = await asyncio.gather(gate.submit(changes[0]), rival.submit(changes[1]))
        assert results[0].answer == results[1].answer
        assert sorted(result.replayed for result in results) == [False, True]
    async with database.read() as connection:
        assert await count(connection, tables.cases) == 5
        assert await count(connection, tables.case_number) == 5


async def test_two_gates_racing_on_one_case_have_one_effect(
    database: Database, gate: Gate, rival: Gate, bundle: Bundle
) -> None:
    for case in await opened(gate, bundle, 5):
        results = await asyncio.gather(
            gate.submit(withdrawal(case)), rival.submit(withdrawal(case)), return_exceptions=True
        )
        assert sorted(type(result).__name__ for result in results) == ["MoveRefused", "Result"]
    assert (await record.verify(database)).tamperings == ()


async def test_two_gates_racing_on_many_cases_keep_every_chain_whole(
    database: Database, gate: Gate, rival: Gate, shelf: Shelf, bundle: Bundle
) -> None:
    cases_ = await opened(gate, bundle, 20)
    changes = []
    for number, case in enumerate(cases_):
        (task_id,) = case.tasks
        for outcome in (Accepted(), Completed()):
            key = once(f"{number}-{type(outcome).__name__}")
            changes.append(Change(case.id, RecordAnswer(task_id, outcome), ACTOR, once=key, render=render))
    doors = (gate, rival)
    results = await asyncio.gather(
        *(doors[n % 2].submit(c) for n, c in enumerate(changes)),
        *(doors[(n + 1) % 2].submit(c) for n, c in enumerate(changes)),
    )
    assert len(results) == 80
    assert sum(not result.replayed for result in results) == 40
    verdict = await record.verify(database)
    assert (verdict.cases, verdict.tamperings) == (20, ())
    async with database.read() as connection:
        loaded = await cases.load(connection, [case.id for case in cases_], shelf.bundle_of)
    assert {case.steps["a"].state.value for case in loaded.values()} == {"completed"}


async def test_control_without_the_key_two_gates_have_two_effects(
    database: Database, gate: Gate, rival: Gate, bundle: Bundle
) -> None:
    await asyncio.gather(gate.submit(make_opening(bundle)), rival.submit(make_opening(bundle)))
    async with database.read() as connection:
        assert await count(connection, tables.cases) == 2


async def test_two_gates_that_open_cases_in_opposite_order_do_not_block_one_another(
    gate: Gate, rival: Gate, bundle: Bundle
) -> None:
    """Counters are locked in one order, so that neither waits for the other."""
    here, there = (NumberTemplate(code, "{area_code}{serial:06d}", code) for code in ("320500", "320505"))
    for _ in range(5):
        results = await asyncio.gather(
            *(gate.submit(make_opening(bundle, template=t)) for t in (here, there)),
            *(rival.submit(make_opening(bundle, template=t)) for t in (there, here)),
        )
        assert all(result.case for result in results)


# ---- what the events say


async def test_events_name_the_actor_and_the_moment(
    database: Database, gate: Gate, bundle: Bundle, clock: FrozenClock
) -> None:
    (case,) = await opened(gate, bundle)
    async with database.read() as connection:
        rows = (await connection.execute(select(tables.event))).mappings().all()
    assert {row["actor"] for row in rows} == {ACTOR}
    assert {row["at"] for row in rows} == {clock.now().isoformat(timespec="microseconds")}
    assert [row["seq"] for row in rows] == list(range(1, case.seq + 1))


async def test_a_change_that_says_nothing_new_leaves_the_case_at_its_event(
    database: Database, gate: Gate, shelf: Shelf, bundle: Bundle
) -> None:
    (case,) = await opened(gate, bundle)
    (task_id,) = case.tasks
    await gate.submit(Change(case.id, RecordAnswer(task_id, Accepted()), ACTOR))
    result = await gate.submit(Change(case.id, RecordAnswer(task_id, Accepted()), ACTOR))
    assert result.reply == "unchanged"
    assert await load_one(database, shelf, case.id) == result.case


async def test_an_opening_is_the_first_command(gate: Gate, bundle: Bundle) -> None:
    assert isinstance(make_opening(bundle).command, Open)
    (case,) = await opened(gate, bundle)
    assert case.seq >= 1


async def test_the_answer_of_a_key_outlives_the_gate(
    database: Database, shelf: Shelf, clock: FrozenClock, bundle: Bundle
) -> None:
    change = make_opening(bundle, once=once(), render=render)
    first = await Gate(database, shelf.bundle_of, clock, clock).submit(change)
    again = await Gate(database, shelf.bundle_of, clock, clock).submit(change)
    assert again.answer == first.answer
    async with database.read() as connection:
        (done,) = (await idempotency.find(connection, [("frontend:app", "k-1")])).values()
    assert (done.case_id, done.answer) == (first.case_id, first.answer)


# ---- two gates on one database


async def test_a_result_is_decided_on_what_is_read_when_another_process_has_moved_the_case(
    database: Database, shelf: Shelf, clock: FrozenClock
) -> None:
    """The gate goes by the case as it saved it last, and the answer of the department came in elsewhere."""
    bundle = shelf.put(make_bundle())
    here, there = (Gate(database, shelf.bundle_of, clock, clock) for _ in range(2))
    here.employ(NoHands())
    (case,) = await opened(here, bundle)
    (claimed,) = await steps.claim(database, queue.TASKS, clock, 10)
    (task_id,) = case.tasks
    await there.submit(Change(case.id, RecordAnswer(task_id, Accepted()), ACTOR))
    late = RecordAttempt(task_id, claimed.token, Completed())
    with pytest.raises(StaleWrite):
        await here.submit(Change(case.id, late, ACTOR, claimed=claimed))
    after = await load_one(database, shelf, case.id)
    assert after.steps["household"].state is StepState.ACCEPTED
    assert (await record.verify(database)).tamperings == ()


@pytest.mark.parametrize("backend", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
async def test_two_gates_that_open_cases_and_answer_for_the_same_one_never_wait_for_one_another(
    database: Database, shelf: Shelf, clock: FrozenClock
) -> None:
    """One knows the case and locks it when it writes, the other one when it reads; both take numbers."""
    bundle = shelf.put(make_bundle())
    here, there = (Gate(database, shelf.bundle_of, clock, clock) for _ in range(2))
    here.employ(NoHands())
    for _ in range(20):
        (case,) = await opened(here, bundle)
        due = await steps.claim(database, queue.TASKS, clock, 10)
        (claimed,) = [each for each in due if each.row["case_id"] == case.id]
        (task_id,) = case.tasks
        result = Change(case.id, RecordAttempt(task_id, claimed.token, Received()), ACTOR, claimed=claimed)
        answered = Change(case.id, RecordAnswer(task_id, Accepted()), ACTOR)
        batches = (
            here._commit_all([make_opening(bundle), result]),
            there._commit_all([answered, make_opening(bundle)]),
        )
        await asyncio.gather(*batches)
    async with database.read() as connection:
        deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert (await connection.exec_driver_sql(deadlocks)).scalar_one() == 0


class NoHands:
    """A worker of this process that is busy."""

    lease = queue.LEASE

    def take(self, department: str, *, is_new: bool) -> Hand | None:
        return None

    def rests(self, department: str) -> bool:
        return False

    def begin(self, claimed: Claimed) -> None:
        raise AssertionError("it took nothing")

    def look(self, kind: Kind) -> None:
        pass
