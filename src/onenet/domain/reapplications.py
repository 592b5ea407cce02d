"""Applying again: what was granted stands, what was refused is repaired and applied for alone.

The new case is of the same version of the bundle: its members, edges and materials are those under which the
rest was granted. It holds the refused member and what comes after it and was not granted; all others are
skipped, with the results that were granted. One refusal is applied for again once; what is refused again is a
refusal of the new case. Source: domain.md section 8 (guide 43TCN0003).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from onenet.domain import guidance, moves, subjects
from onenet.domain.bundle import Bundle, Member
from onenet.domain.case import Case, CaseContent, MaterialGiven, Step
from onenet.domain.procedures import Reapplies, reapplied_by
from onenet.domain.states import FAILED, MET, CaseState, StepState
from onenet.errors import MoveRefused, NotFound

AGAIN = "applied_for_again"
"""Why a step ends that waited for one that was refused: it goes on in the new case."""

NOT_AGAIN = "not_applied_for_again"
"""Why a step of the new case is skipped."""

UPSTREAM = "upstream_not_completed"
"""Why a step is held or cancelled whose edge says so of a failed step before it."""


def origin(content: CaseContent) -> Reapplies | None:
    """The refusal that a case applies again for, if it does."""
    return next((each for each in content.procedures if isinstance(each, Reapplies)), None)


def id_of(case: Case, code: str) -> UUID:
    """The id of the case that applies again for this step: there is one at most."""
    return case.derived_id("reapplication", code)


def members(state: CaseState, bundle: Bundle, steps: Mapping[str, Step], code: str) -> tuple[str, ...]:
    """What is applied for again with this step: it, and what comes after it and was not granted. What also
    comes after another refused step stays with its officer, as does what is for all of several subjects while
    another one's was not granted.

    Raises: NotFound; MoveRefused where it was not refused, is applied for already, or where something before
    it is not granted either, or does not stand any more.
    """
    step = steps.get(code)
    if step is None:
        raise NotFound
    if (by := reapplied_by(step.procedures)) is not None:
        raise _refused(f"the case {by} applies for it again", state, step, reapplied_by=str(by))
    if not moves.OF_STEP["reapply"].holds(step):
        raise _refused("only a step that was rejected or cancelled can be applied for again", state, step)
    found, left = [code], set[str]()
    for member in bundle.members:
        if member.code in found or not _goes_along(member, steps[member.code], found):
            continue
        if _stays(bundle, member, steps, found, left):
            left.add(member.code)
        else:
            found.append(member.code)
    before = (edge for each in found for edge in _not_granted(bundle.member(each), steps, found))
    if first := next(before, None):
        why = "does not stand any more" if steps[first].state in MET else "was not granted"
        raise _refused(f"it comes after {first}, which {why}", state, step)
    return tuple(found)


def _stays(
    bundle: Bundle, member: Member, steps: Mapping[str, Step], found: Sequence[str], left: Collection[str]
) -> bool:
    """Whether something that is not applied for now keeps it from going along for good: what was refused, or
    stays itself. What is for all of several subjects stays also while another one's is open.
    """
    keeping = _not_granted(member, steps, found)
    is_for_all = subjects.of(bundle, found[0]) is not None and subjects.of(bundle, member.code) is None
    is_over = all(each in left or _fell(steps[each]) for each in keeping)
    return bool(keeping) and (is_for_all or is_over)


def _refused(detail: str, state: CaseState, step: Step, **further: str) -> MoveRefused:
    """The error, which does not offer what it refuses: the table of moves knows nothing of what is before."""
    allowed = [each for each in moves.allowed(state, step) if each["action"] != "reapply"]
    return MoveRefused(detail, moves.present(state, step) | further, allowed)


def _goes_along(member: Member, step: Step, found: Collection[str]) -> bool:
    """Whether the step has nothing to wait for any more without what is applied for again."""
    edges = [code for code in member.after if code in found]
    if not edges or reapplied_by(step.procedures) is not None:
        return False
    if step.state in FAILED:
        return True
    stands = step.state is StepState.WAITING or (step.waiting is not None and step.waiting.reason == UPSTREAM)
    return stands and len(member.whose_failure("go_on", edges)) < len(edges)


def _not_granted(member: Member, steps: Mapping[str, Step], found: Collection[str]) -> list[str]:
    """What is before the member, is neither granted nor applied for again, and cannot be gone without."""
    return [
        code
        for code in member.after
        if code not in found and not _stands(steps[code]) and not _is_forgiven(member, steps[code])
    ]


def standing(steps: Mapping[str, Step]) -> frozenset[tuple[str, str, str | None]]:
    """What was issued in these steps and stands: step, code, number."""
    return frozenset(
        (step.code, each.code, each.number)
        for step in steps.values()
        for each in step.results
        if each.state == "issued"
    )


def _stands(step: Step) -> bool:
    """Whether it was granted, and nothing of what was issued with it was taken back."""
    return step.state in MET and all(each.state == "issued" for each in step.results)


def _fell(step: Step) -> bool:
    """Whether it was refused, or was granted and does not stand any more."""
    return step.state in FAILED or (step.state in MET and not _stands(step))


def _is_forgiven(member: Member, before: Step) -> bool:
    return _fell(before) and bool(member.whose_failure("go_on", [before.code]))


def content_for(
    case: Case, codes: Collection[str], form: Mapping[str, Any], materials: Collection[MaterialGiven]
) -> CaseContent:
    """What the applicant said in the earlier case and says now, as far as these members need it; and what
    tells subjects apart, so that none can become another one later.
    """
    bundle, said = case.bundle, case.content
    fields = {*guidance.form_schema(bundle, codes, said.answers)["properties"], *subjects.marking(bundle)}
    papers = {code for each in codes for code in bundle.member(each).materials}
    if said.agent is not None and said.agent.mandate is not None:
        papers.add(said.agent.mandate.material)  # it proves the agent here too, whichever item asked for it
    given = {each.code: each for each in (*said.materials, *materials)}
    return replace(
        said,
        form={code: value for code, value in {**said.form, **form}.items() if code in fields},
        materials=tuple(each for each in given.values() if each.code in papers),
        procedures=(),
    )


def laid(case: Case, codes: Collection[str]) -> dict[str, Step]:
    """The steps of the new case that are not applied for again: what theirs issued is there already."""
    return {
        code: type(step)(
            code, step.department, StepState.SKIPPED, step.since,
            reason=NOT_AGAIN if step.state is not StepState.SKIPPED else step.reason,
            results=tuple(each for each in step.results if each.state == "issued"),
        )
        for code, step in case.steps.items()
        if code not in codes
    }  # fmt: skip
