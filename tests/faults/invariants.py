"""Invariants: what has to be true of the evidence of every run, one small function each, in a table.

A check yields one line for each violation and nothing when all is well. Source: reliability.md section 3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from onenet.domain.events import EVENT_KINDS, EventType
from onenet.domain.states import MET, StepState
from tests.faults.evidence import CaseFound, Evidence, StepFound, WorkFound, by_case
from tests.faults.samples import EXPECTED

Check = Callable[[Evidence], Iterator[str]]

HANDED_OUT = frozenset({"step.ready", "step.dispatched"})


def nothing_lost(evidence: Evidence) -> Iterator[str]:
    """Every case that was promised is there."""
    for promised in evidence.ledger.acknowledged:
        if promised.case_id not in evidence.cases:
            yield f"{promised.key} was answered with case {promised.case_id}, which is gone"


def nothing_doubled(evidence: Evidence) -> Iterator[str]:
    """One key, one case: nobody has two, none belongs to two, and asking again names the same."""
    keys = Counter(promised.case_id for promised in evidence.ledger.acknowledged)
    for case_id, count in keys.items():
        if count > 1:
            yield f"case {case_id} was promised under {count} keys"
    for case_id in evidence.cases.keys() - keys.keys():
        yield f"case {case_id} belongs to no key"
    for promised in evidence.ledger.acknowledged:
        again = evidence.ledger.again.get(promised.key)
        if again != promised.case_id:
            yield f"{promised.key} was answered with {promised.case_id}, and with {again} when asked again"


def everything_ends(evidence: Evidence) -> Iterator[str]:
    """Every promised case reached the end that its departments decided."""
    for promised in evidence.ledger.acknowledged:
        case = evidence.cases.get(promised.case_id)
        if case is not None and case.state != EXPECTED:
            yield f"case {case.id} ({promised.sample.name}) is {case.state}, not {EXPECTED}"


def nothing_stuck(evidence: Evidence) -> Iterator[str]:
    """No step waits for steps that are all completed or skipped: "done" and "next one out" are one commit."""
    yield from stuck(evidence.cases)


def stuck(cases: Mapping[str, CaseFound]) -> Iterator[str]:
    """Steps that nobody will ever hand out, though nothing keeps them."""
    for case in cases.values():
        for step in case.steps.values():
            before = {case.steps[code].state for code in step.after}
            if step.state == StepState.WAITING and before <= MET:
                yield f"case {case.id}: {step.code} waits for nothing"


def effects_once(evidence: Evidence) -> Iterator[str]:
    """Each task was handed out, had its effect once, and is done."""
    for task in evidence.tasks:
        times = evidence.departments[task.owner].effects.get(task.key, 0)
        if times != 1:
            yield f"task {task.key} had its effect {times} times at {task.owner}"
        if task.state != "done":
            yield f"task {task.key} is {task.state}"
    effects = sum(sum(ledger.effects.values()) for ledger in evidence.departments.values())
    if effects != len(evidence.tasks):
        yield f"{effects} effects of {len(evidence.tasks)} tasks"


def one_meaning(evidence: Evidence) -> Iterator[str]:
    """No key came with two bodies, and the body that came is the one on record."""
    recorded = {task.key: task.digest for task in evidence.tasks}
    for code, ledger in evidence.departments.items():
        for key in ledger.clashes:
            yield f"{key} came to {code} with two bodies"
        for key, digest in ledger.digests.items():
            if key in recorded and recorded[key] != digest:
                yield f"{key} came to {code} with another body than is on record"


def own_tasks_only(evidence: Evidence) -> Iterator[str]:
    """No department saw a task that is not its own."""
    owners = {task.key: task.owner for task in evidence.tasks}
    for code, ledger in evidence.departments.items():
        for key in ledger.digests:
            if owners.get(key) != code:
                yield f"{key} came to {code} and is of {owners.get(key, 'nobody')}"


def record_is_whole(evidence: Evidence) -> Iterator[str]:
    """Events are gap-free, chained, and tell the states that the rows have."""
    for found in evidence.tamperings:
        yield f"case {found.case_id}: {found.kind} at {found.seq or found.step}: {found.detail}"


def doctor_finds_nothing(evidence: Evidence) -> Iterator[str]:
    """I1 to I8 hold, as `onenet doctor --invariants` checks them."""
    for found in evidence.findings:
        yield f"{found.invariant}: case {found.case_id}: {found.step}: {found.what}"


def no_work_left(evidence: Evidence) -> Iterator[str]:
    """Nothing is due, nothing is under a lease, no callback waits or was turned away."""
    for work in (*evidence.tasks, *evidence.deliveries):
        if work.is_open:
            yield f"{work.key} ({work.owner}) is {work.state} and still open"
    for code, ledger in evidence.departments.items():
        for state in ("pending", "refused"):
            if count := ledger.callbacks.get(state, 0):
                yield f"{count} callbacks of {code} are {state}"


def in_order(evidence: Evidence) -> Iterator[str]:
    """No step is handed out before the steps that it depends on are completed or skipped."""
    for case in evidence.cases.values():
        out, met = _first(case, HANDED_OUT), _first(case, frozenset({"step.completed", "step.skipped"}))
        skipped = _skipped_at_once(case)
        for step in case.steps.values():
            for before in step.after:
                if step.code in out and before not in skipped and out[step.code] < met.get(before, 1 << 30):
                    yield f"case {case.id}: {step.code} was handed out before {before} was completed"


def joins_fire_once(evidence: Evidence) -> Iterator[str]:
    """A step is handed out once, and once more for each supplement."""
    handed_out = Counter((task.case_id, task.of) for task in evidence.tasks)
    for case in evidence.cases.values():
        events = Counter((event.step, event.type) for event in case.events)
        for step in case.steps.values():
            once = int(step.state != StepState.SKIPPED)
            wanted = once + events[step.code, "step.supplemented"]
            if handed_out[case.id, step.code] != wanted:
                yield f"case {case.id}: {step.code} has {handed_out[case.id, step.code]} tasks, not {wanted}"
            if (dispatched := events[step.code, "step.dispatched"]) != once:
                yield f"case {case.id}: {step.code} was dispatched {dispatched} times, not {once}"


def results_kept(evidence: Evidence) -> Iterator[str]:
    """A completed step has the results that its department issued, in its row and in the record."""
    tasks = by_case(evidence.tasks)
    for case in evidence.cases.values():
        told = {
            event.step: {result["code"]: result["number"] for result in event.content()["results"]}
            for event in case.events
            if event.type == "step.completed"
        }
        for step in case.steps.values():
            if step.state != StepState.COMPLETED:
                continue
            issued = _issued(evidence, tasks.get(case.id, []), step)
            if dict(step.results) != issued or told.get(step.code) != issued:
                yield f"case {case.id}: the results of {step.code} are not those that were issued"


def everybody_told(evidence: Evidence) -> Iterator[str]:
    """Each public event went out as one message and came at least once, always with the same body."""
    public = {
        (case.id, str(event.seq))
        for case in evidence.cases.values()
        for event in case.events
        if EVENT_KINDS[EventType(event.type)].public
    }
    told = Counter((delivery.case_id, delivery.of) for delivery in evidence.deliveries)
    for case_id, seq in public | told.keys():
        if told[case_id, seq] != 1 or (case_id, seq) not in public:
            yield f"case {case_id}: event {seq} has {told[case_id, seq]} messages"
    for delivery in evidence.deliveries:
        if set(evidence.heard.get(delivery.key, ())) != {delivery.digest}:
            yield f"{delivery.key} ({delivery.owner}, {delivery.state}) was not heard as it is on record"
    for strange in evidence.heard.keys() - {delivery.key for delivery in evidence.deliveries}:
        yield f"{strange} was heard and is not on record"


CHECKS: Mapping[str, Check] = {
    check.__name__: check
    for check in (
        nothing_lost, nothing_doubled, everything_ends, nothing_stuck, effects_once, one_meaning,
        own_tasks_only, record_is_whole, doctor_finds_nothing, no_work_left, in_order, joins_fire_once,
        results_kept,
        everybody_told,
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, and where."""

    invariant: str
    detail: str


def violations(evidence: Evidence) -> list[Violation]:
    """Everything that is not as it has to be."""
    return [Violation(name, detail) for name, check in CHECKS.items() for detail in check(evidence)]


def _first(case: CaseFound, types: frozenset[str]) -> dict[str, int]:
    """Step -> the number of its first event of one of these types."""
    found: dict[str, int] = {}
    for event in case.events:
        if event.step is not None and event.type in types:
            found.setdefault(event.step, event.seq)
    return found


def _skipped_at_once(case: CaseFound) -> set[str]:
    """Steps that the answers left out when the case was received."""
    begun = [event.content()["steps"] for event in case.events if event.type == "case.received"]
    return {code for steps in begun for code, state in steps.items() if state in MET}


def _issued(evidence: Evidence, tasks: list[WorkFound], step: StepFound) -> dict[str, str]:
    """The results that the step's department issued for any task of the step."""
    own = [task for task in tasks if task.of == step.code]
    return {
        code: number
        for task in own
        for (key, code), number in evidence.departments[task.owner].results.items()
        if key == task.key
    }
