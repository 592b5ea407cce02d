"""Judging a month: each kind of `domain.dues`, how the record shows it, and when it ought to have happened.

What happened and what ought to agree moment by moment: nothing is missing, nothing happens twice, all of it
comes within a tick.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from onenet.domain import dues
from tests.month import kinds, lights, tickets
from tests.month.kinds import CASE_LIGHT, OF_TIME, PEOPLE, Fact, Story, rank


class Row(NamedTuple):
    """How the record shows that it happened, and when it ought to."""

    shows: Callable[[Fact], bool]
    expected: Callable[[Story], Iterator[datetime]]


def _event(type: str) -> Callable[[Fact], bool]:
    return lambda fact: fact.type == type


def _deemed(word: str) -> Callable[[Fact], bool]:
    return lambda fact: fact.data.get("deemed") == word


OF_STEPS: Mapping[str, Row] = {
    "notice": Row(_deemed("no_notice"), kinds.notice),
    "renewal": Row(_deemed("renewed"), kinds.renewal),
    "reminder": Row(_event("step.supplement_due"), kinds.reminder),
    "supplement": Row(_deemed("supplement_lapsed"), kinds.supplement),
    "check": Row(_event("step.check_overdue"), kinds.check),
    "tolerance": Row(_event("step.tolerance_lapsed"), kinds.tolerance),
    "hearing_right": Row(_event("hearing.lapsed"), kinds.hearing_right),
    "special_procedure": Row(_event("step.procedure_overdue"), kinds.special_procedure),
    "opinion": Row(_event("opinion.overdue"), kinds.opinion),
    "result_delivery": Row(_event("result.delivery_overdue"), kinds.delivery),
    # A step that is closed is lit only by a delivery that is overdue, and together with that.
    "light": Row(lambda fact: fact.type == "step.light" and "state" in fact.data, lights.of_step),
    "urging": Row(_event("step.urging_overdue"), kinds.urging),
}
"""What is due to a step."""


def _light(story: Story) -> Iterator[datetime]:
    return tickets.lights(story) if story.about else lights.of_case(story)


OF_CASES: Mapping[str, Row] = {
    "light": Row(lambda fact: fact.type == "case.light" and "due_at" in fact.data, _light),
    "ticket": Row(_event("ticket.overdue"), tickets.late),
}
"""What is due to a case as a whole."""


MISSING = (
    "kind {} of domain.dues is not worked out by the month: give it a row in tests/month/judging.py (which "
    "event shows it, and when it ought to happen), and a deed in tests/month/people.py that leads to it"
)
NEVER = "kind {} never came about: give somebody a deed in tests/month/people.py that leads to it"


def unknown() -> list[str]:
    """What the tables of dues have and these have not, with what is to be done about it."""
    kinds = [*(dues.KINDS.keys() - OF_STEPS.keys()), *(dues.CASE_KINDS.keys() - OF_CASES.keys())]
    return [MISSING.format(kind) for kind in sorted({*kinds})]


def never(found: Sequence[Fact]) -> list[str]:
    """Kinds that did not come about."""
    seen = {(fact.kind, fact.step is None) for fact in found}
    wanted = [*((kind, False) for kind in dues.KINDS), *((kind, True) for kind in dues.CASE_KINDS)]
    return [NEVER.format(kind) for kind, is_case in wanted if (kind, is_case) not in seen]


def told(events: Iterable[tuple[UUID, str | None, str, str, str, str]]) -> list[Fact]:
    """Facts of events in the order of their case, each with what time did by it and when it counts as done.

    What follows from something that was due counts as done at the same moment.
    """
    facts: list[Fact] = []
    for case_id, step, type, actor, at, data in events:
        fact = Fact(case_id, step, type, actor, datetime.fromisoformat(at), json.loads(data))
        table = OF_CASES if step is None else OF_STEPS
        kind = next((name for name, row in table.items() if row.shows(fact)), None)
        moment = (fact.at, PEOPLE)
        if kind is not None and actor == OF_TIME:
            due_at = datetime.fromisoformat(fact.data["due_at"]) if "due_at" in fact.data else fact.at
            fact = fact._replace(kind=kind)
            moment = (due_at, CASE_LIGHT if step is None else rank(kind))
        facts.append(fact._replace(moment=moment))
    for n, fact in enumerate(facts):
        if fact.actor == OF_TIME and fact.kind is None:
            facts[n] = fact._replace(moment=_cause(facts, n).moment)
    return facts


_AHEAD = ("withdrawal.due", "step.resumed")
"""What is told before the end of a step that leads to it."""


def _cause(facts: Sequence[Fact], number: int) -> Fact:
    """Why time did that: what was due just before, or just after; itself, where the record does not say."""
    fact, ahead = facts[number], number
    while ahead < len(facts) and facts[ahead].type in _AHEAD:
        ahead += 1
    if ahead > number and ahead < len(facts) and facts[ahead].kind and facts[ahead].step == fact.step:
        return facts[ahead]
    before = facts[number - 1]
    is_same = (before.case_id, before.at, before.actor) == (fact.case_id, fact.at, fact.actor)
    return before if number and is_same else fact


def stories(found: Sequence[Fact]) -> Iterator[tuple[UUID, str | None, list[Fact]]]:
    """The facts of each case, and of each of its steps."""
    grouped: dict[tuple[UUID, str | None], list[Fact]] = {}
    for fact in found:
        grouped.setdefault((fact.case_id, None), []).append(fact)
        if fact.step is not None:
            grouped.setdefault((fact.case_id, fact.step), []).append(fact)
    for (case_id, step), facts in grouped.items():
        yield case_id, step, facts


def otherwise(story: Story, tick: timedelta) -> list[str]:
    """What happened in this story at another time than it ought to, or too often, or did not happen."""
    table = OF_CASES if story.step is None else OF_STEPS
    wrong = []
    for kind, row in table.items():
        happened = [each.at for each in story.facts if each.kind == kind and each.step == story.step]
        expected = sorted(row.expected(story))
        in_time = all(timedelta() <= at - due <= tick for at, due in zip(happened, expected, strict=False))
        if len(happened) != len(expected) or not in_time:
            told, counted = ([f"{at:%d %b %H:%M}" for at in each] for each in (happened, expected))
            wrong.append(f"{story.facts[0].case_id} {story.step} {kind}: {told}, by counting {counted}")
    return wrong
