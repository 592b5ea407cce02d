"""Commitment instead of proof 告知承诺: granted on what the applicant signed, and looked at afterwards.

Nobody has to use it, and it can be taken back until the decision: the step goes the ordinary way then, under
the same item. After the grant an officer looks whether it is kept; one that is broken is to be repaired by a
day, and what was granted is revoked if it is not. Source: ANY art. 25-29; SHA art. 27, 29; domain.md 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

from onenet.domain import anew, answers, flow, guidance, moves
from onenet.domain.bundle import Bundle, CommitmentTerms
from onenet.domain.calendar import local_day
from onenet.domain.case import Step
from onenet.domain.clocks import Clock
from onenet.domain.deadlines import deadline
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.outcome import TakenBack
from onenet.domain.promises import Commitment, Finding, Signature, Signing
from onenet.domain.states import FINAL_STEP
from onenet.errors import Fault, FormInvalid, NotFound


def faults(bundle: Bundle, plan: guidance.Plan, signings: Sequence[Signing]) -> Iterator[Fault]:
    """What is wrong with these signatures. A member that is the way by commitment cannot do without one."""
    signed: set[str] = set()
    for index, each in enumerate(signings):
        at = f"/commitments/{index}"
        terms = bundle.member(each.step).commitment if each.step in plan.members else None
        if terms is None or each.step in signed:
            yield Fault("no_commitment", "此处不适用告知承诺", "Nothing is to be signed here", f"{at}/step")
        elif each.version != terms.version:
            yield _unknown_text(f"{at}/text_version")
        signed.add(each.step)
    for member in map(bundle.member, plan.members):
        if member.commitment and member.alternative and member.code not in signed:
            zh, en = (
                "须签署告知承诺书，或改选一般程序",
                f"Sign the commitment of {member.code}, or answer otherwise",
            )
            yield Fault("commitment_missing", zh, en, "/commitments")


def _unknown_text(at: str) -> Fault:
    return Fault("text_version_unknown", "不是现行的文本版本", "Not the version that is in force", at)


def of(step: Step) -> Commitment | None:
    """What was signed for this step, the last time."""
    return next((each for each in step.procedures if isinstance(each, Commitment)), None)


def sign(draft: Draft, signing: Signing) -> None:
    """Notes that it was signed; the department is told at once, if it has the step already.

    Raises: NotFound; FormInvalid for another text; Conflict once it is signed or decided.
    """
    step = draft.steps.get(signing.step)
    terms = draft.case.bundle.member(signing.step).commitment if step else None
    if step is None or terms is None:
        raise NotFound
    before = of(step)
    if step.state in FINAL_STEP or (before is not None and before.state == "signed"):
        raise moves.refused("nothing is to be signed now", draft, step)
    if signing.version != terms.version:
        raise FormInvalid("another text is in force", faults=(_unknown_text("/text_version"),))
    signed = Signature(terms.version, terms.sha256, signing.by, draft.now.at)
    draft.put_procedure(step.code, Commitment("commitment", signed), instead_of=before)
    draft.tell(
        EventType.STEP_COMMITTED, step.code, version=terms.version, text_sha256=terms.sha256,
        signed_by=signing.by,
    )  # fmt: skip
    anew.hand_out(draft, step.code)


def take_back(draft: Draft, code: str, reason: str | None) -> None:
    """The step goes the ordinary way from here. Raises: NotFound; Conflict once it is decided."""
    step = draft.steps.get(code)
    before = of(step) if step else None
    if step is None or before is None:
        raise NotFound
    if before.state != "signed" or step.state in FINAL_STEP:
        raise moves.refused("a commitment is taken back before the decision", draft, step)
    draft.put_procedure(code, replace(before, state="taken_back"), instead_of=before)
    draft.tell(EventType.STEP_COMMITMENT_TAKEN_BACK, code, version=before.signed.version, reason=reason)
    anew.hand_out(draft, code)


def await_check(draft: Draft, code: str) -> None:
    """A step was granted on a commitment: says until which day an officer looks whether it is kept."""
    before = of(draft.steps[code])
    terms = draft.case.bundle.member(code).commitment
    if before is None or before.state != "signed" or terms is None:
        return
    due_on = _check_due_on(draft, terms)
    now = replace(before, state="to_check", check_due_on=due_on)
    draft.put_procedure(code, now, instead_of=before)
    draft.tell(EventType.STEP_CHECK_PLANNED, code, until=due_on.isoformat())


def _check_due_on(draft: Draft, terms: CommitmentTerms) -> date:
    offset = draft.case.utc_offset_minutes
    end = deadline(terms.check, Clock(draft.now.at), draft.rules.calendar, offset)
    return end.due_on or local_day(end.due_at or draft.now.at, offset)


def due_at(draft: Draft, step: Step) -> datetime | None:
    """When the check, or the repair, is overdue; None where neither is awaited, or that was said."""
    found = of(step) if step.procedures else None
    day = found.awaited_on if found is not None and not found.is_overdue else None
    return flow.end_of_day(day, draft.case.utc_offset_minutes) if day else None


def say_overdue(draft: Draft, step: Step, due_at: datetime) -> None:
    """Says once that nobody looked in time, or that it was not repaired in time."""
    found = of(step)
    if found is None:
        raise AssertionError("asked before: something is awaited")
    draft.put_procedure(step.code, replace(found, is_overdue=True), instead_of=found)
    draft.tell(EventType.STEP_CHECK_OVERDUE, step.code, finding=found.state, due_at=due_at.isoformat())


def check(draft: Draft, code: str, finding: Finding) -> None:
    """Notes what an officer found. Raises: NotFound; FormInvalid; Conflict where that cannot be found now."""
    step = draft.steps.get(code)
    before = of(step) if step else None
    if step is None or before is None:
        raise NotFound
    if finding.word not in _NEXT.get(before.state, ()):
        raise moves.refused(f"the commitment is {before.state}", draft, step, commitment=before.state)
    _check_day(draft, step, before, finding)
    now = replace(
        before, state=finding.word, finding=finding.reason, checked_by=finding.by, checked_at=draft.now.at,
        repair_due_on=finding.repair_due_on or before.repair_due_on, is_overdue=False,
    )  # fmt: skip
    draft.put_procedure(code, now, instead_of=before)
    draft.tell(
        EventType.STEP_CHECKED, code, finding=finding.word, reason=finding.reason, by=finding.by,
        until=finding.repair_due_on and finding.repair_due_on.isoformat(),
    )  # fmt: skip
    revoked = TakenBack("revoked", finding.reason)
    standing = answers.to_take_back(step, revoked)
    if finding.word == "revoked" and standing:
        answers.mark_taken_back(draft, draft.steps[code], standing, revoked)


def _check_day(draft: Draft, step: Step, before: Commitment, finding: Finding) -> None:
    """Raises: FormInvalid for a day that is not one to repair by; Conflict while it may be repaired still."""
    offset, day = draft.case.utc_offset_minutes, finding.repair_due_on
    if finding.word == "revoked" and before.repair_due_on is not None:
        end = flow.end_of_day(before.repair_due_on, offset)
        if end is not None and draft.now.at < end:
            raise moves.refused(f"it may be repaired until {before.repair_due_on}", draft, step)
    is_right = day is None or (draft.today < day and day.year <= flow.LAST_YEAR)
    if not is_right or (day is not None) != (finding.word == "broken"):
        zh, en = "不合格时应给出今日之后的整改期限", "Expected a day after today, for a broken one alone"
        raise FormInvalid("the day to repair it by", faults=(Fault("date", zh, en, "/repair_due_on"),))


_NEXT = {"to_check": ("kept", "broken"), "broken": ("repaired", "revoked")}
"""What can be found of a commitment that stands so."""
