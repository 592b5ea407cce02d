"""Results: what is issued with a decision, and how each stands on a day.

Whether a result has expired is never stored: it is worked out for the local day on which somebody asks.
Source: domain.md section 16, GB/T 39046 table 8.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Literal

from onenet.domain import subjects
from onenet.domain.bundle import Bundle, Member, Names
from onenet.domain.case import Step
from onenet.domain.draft import Draft
from onenet.domain.outcome import ResultGiven, ResultState
from onenet.domain.states import StepState
from onenet.errors import Fault

Standing = Literal["issued", "expired", "recalled", "revoked"]


def issue(draft: Draft, code: str) -> None:
    """Notes of the results of a step that is completed on which local day they were issued."""
    step = draft.steps[code]
    if step.results:
        today = draft.today.isoformat()
        issued = tuple(replace(each, issued_on=today) for each in step.results)
        draft.steps[code] = step._replace(results=issued)


def faults(given: Sequence[ResultGiven]) -> Iterator[Fault]:
    """What cannot be of results that are given at once: one ceases to hold before it begins to, or is there
    twice, when nobody could tell the two apart.
    """
    before = set[tuple[str, str | None]]()
    for place, each in enumerate(given):
        if each.valid_from and each.valid_until and each.valid_until < each.valid_from:
            zh, en = "有效期不得早于开始日期结束", "Expected no day before valid_from"
            yield Fault("ends_before_it_begins", zh, en, f"/results/{place}/valid_until")
        if (each.code, each.number) in before:
            zh, en = "同一结果重复填写", "Expected each result of one number once"
            yield Fault("repeated", zh, en, f"/results/{place}")
        before.add((each.code, each.number))


def strangers(given: Sequence[ResultGiven], member: Member) -> Iterator[Fault]:
    """Results that the item does not issue: perhaps another task's, whose own would be missing unsaid."""
    own = [each.code for each in member.results]
    for place, each in enumerate(given):
        if each.code not in own:
            listed = ", ".join(dict.fromkeys(subjects.parted(code)[0] for code in own)) or "none"
            zh, en = f"该事项的结果为：{listed}", f"Expected a result of the item: {listed}"
            yield Fault("unknown_result", zh, en, f"/results/{place}/code")


def standing(result: ResultGiven, today: date) -> tuple[Standing, str | None]:
    """How it stands on that local day, and since which one. It holds through the whole of its last day."""
    if result.state != "issued":
        return result.state, result.state_on
    if result.valid_until is not None and result.valid_until < today.isoformat():
        return "expired", (date.fromisoformat(result.valid_until) + timedelta(days=1)).isoformat()
    return "issued", result.issued_on


def told_state(step: Step, result: ResultGiven) -> ResultState | Literal["carried_over"]:
    """How it stands as far as the case knows. What was issued in an earlier one is a copy in a skipped step,
    for the steps after it: that case has it handed over, recalled and revoked, and tells how it stands.
    """
    return "carried_over" if step.state is StepState.SKIPPED else result.state


def as_offered(bundle: Bundle, step: Step, result: ResultGiven) -> tuple[Step, ResultGiven]:
    """Both in the codes of the bundle as it was published, whose names tell of no subject."""
    whose = subjects.of(bundle, step.code)
    code, issued = (subjects.plain(whose, each) for each in (step.code, result.code))
    return step._replace(code=code), replace(result, code=issued)


def name_of(bundle: Bundle, step: Step, result: ResultGiven) -> Names:
    """What it is called: as the department said, else as the catalogue does."""
    if result.name is not None:
        return {"zh": result.name, "en": result.name}
    known = (each.names for each in bundle.member(step.code).results if each.code == result.code)
    return next(known, {"zh": result.code, "en": result.code})


def issuer_of(bundle: Bundle, step: Step, result: ResultGiven) -> Names:
    """Who issued it: as the department said, else the department."""
    if result.issuer is not None:
        return {"zh": result.issuer, "en": result.issuer}
    return bundle.departments[step.department].names
