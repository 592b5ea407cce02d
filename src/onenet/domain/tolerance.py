"""Tolerant acceptance 容缺受理: a step goes out although secondary materials are missing, as somebody signed.

The time to make good is not longer than the item's promise, by the calendar of the place; the day of handing
in counts. What is not made good ends the step as if it were withdrawn; where it was granted all the same
(exchange code 12) the line stays, as late. Source: ANY art. 24; domain.md section 6.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

from onenet.domain import anew, ending, flow, guidance, moves
from onenet.domain.bundle import Bundle, Member
from onenet.domain.calendar import local_day
from onenet.domain.case import MaterialGiven, Step
from onenet.domain.clocks import Clock
from onenet.domain.deadlines import deadline
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.promises import Later, Signature, Tolerance, Undertaking
from onenet.domain.states import FINAL_STEP, StepState
from onenet.errors import Fault, FormInvalid, NotFound

LAPSED = "tolerance_lapsed"


def may_follow(bundle: Bundle, member: Member) -> tuple[str, ...]:
    """Codes of the materials that this member may be applied for without: secondary, to be handed in."""
    if member.tolerance is None:
        return ()
    needed = ((code, bundle.materials[code]) for code in member.materials)
    return tuple(
        code
        for code, material in needed
        if material.mode == 4 and guidance.need_of(material, member).need == "secondary"
    )


def faults(
    bundle: Bundle, plan: guidance.Plan, given: Collection[str], undertakings: Sequence[Undertaking]
) -> Iterator[Fault]:
    """What is wrong with these undertakings, and what is neither handed in nor promised."""
    promised: set[tuple[str, str]] = set()
    for index, each in enumerate(undertakings):
        at = f"/undertakings/{index}"
        terms = bundle.member(each.step).tolerance if each.step in plan.members else None
        if terms is None or (each.step, "") in promised:
            yield Fault("not_tolerated", "此处不适用容缺承诺", "This step takes no undertaking", f"{at}/step")
            continue
        promised.add((each.step, ""))
        if each.version != terms.version:
            yield _unknown_text(at)
        for place, later in enumerate(each.materials):
            where = f"{at}/materials/{place}"
            if (each.step, later.material) in promised:
                zh, en = "该材料重复承诺", "This material is promised already"
                yield Fault("material_repeated", zh, en, f"{where}/code")
            promised.add((each.step, later.material))
            yield from _of_material(bundle, bundle.member(each.step), later, given, where)
    asked = {material.code for material in plan.materials}
    for member in map(bundle.member, plan.members):
        for code in may_follow(bundle, member):
            if code in asked and code not in given and (member.code, code) not in promised:
                zh = f"缺少材料：{bundle.materials[code].names['zh']}，请提交或作出容缺承诺"
                en = f"missing for {member.code}: {code}; hand it in, or promise it in an undertaking"
                yield Fault("undertaking_missing", zh, en, "/undertakings")


def _unknown_text(at: str) -> Fault:
    en = "Not the version of the text that is in force"
    return Fault("text_version_unknown", "不是现行的文本版本", en, f"{at}/text_version")


def _of_material(
    bundle: Bundle, member: Member, later: Later, given: Collection[str], at: str
) -> Iterator[Fault]:
    if later.material not in may_follow(bundle, member):
        zh, en = "只有次要材料可以容缺后补", "Only a secondary material of the step may follow later"
        yield Fault("material_not_secondary", zh, en, f"{at}/code")
    elif later.material in given:
        yield Fault("material_repeated", "该材料已提交", "This material is handed in already", f"{at}/code")


def begin(draft: Draft, undertakings: Sequence[Undertaking]) -> None:
    """Opens the ledger of each step with an undertaking. Raises: FormInvalid for a day that cannot be."""
    wrong: list[Fault] = []
    for index, each in enumerate(undertakings):
        terms = draft.case.bundle.member(each.step).tolerance
        if terms is None:
            raise AssertionError("checked before: the item tolerates")
        signed = Signature(terms.version, terms.sha256, each.by, draft.now.at)
        last, today = _last_day(draft, each.step), draft.today
        for place, later in enumerate(each.materials):
            due_on = later.due_on or last
            if not today <= due_on <= last:
                zh, en = f"应为今日至 {last} 之间的日期", f"Expected a day from today to {last}, as promised"
                pointer = f"/undertakings/{index}/materials/{place}/due_on"
                wrong.append(Fault("date_beyond_promise", zh, en, pointer))
            draft.put_procedure(each.step, Tolerance("tolerance", later.material, signed, due_on))
        days = {each.material: each.due_on.isoformat() for each in ledger(draft.steps[each.step])}
        draft.tell(
            EventType.STEP_TOLERATED, each.step, codes=sorted(days), version=terms.version,
            text_sha256=terms.sha256, signed_by=each.by, days=days,
        )  # fmt: skip
    if wrong:
        raise FormInvalid("a day is not one that can be promised", faults=tuple(wrong))


def _last_day(draft: Draft, code: str) -> date:
    """The last day to make good: when the item's promise would be used up, were it accepted now."""
    limit = draft.case.bundle.member(code).promised
    if limit is None:
        raise AssertionError("refused by the lint: an item that tolerates has a promise")
    offset = draft.case.utc_offset_minutes
    end = deadline(limit, Clock(draft.now.at), draft.rules.calendar, offset)
    return end.due_on or local_day(end.due_at or draft.now.at, offset)


def ledger(step: Step) -> tuple[Tolerance, ...]:
    """The lines of the step's ledger."""
    return tuple([each for each in step.procedures if isinstance(each, Tolerance)])


def outstanding(step: Step) -> tuple[Tolerance, ...]:
    """Those that wait for the applicant."""
    return tuple([each for each in ledger(step) if each.outcome is None])


def ends_at(draft: Draft, step: Step) -> datetime | None:
    """When the first of the step's open lines is over."""
    if not step.procedures or (step.state in FINAL_STEP and step.state is not StepState.COMPLETED):
        return None
    ends = (flow.end_of_day(line.due_on, draft.case.utc_offset_minutes) for line in outstanding(step))
    return min((end for end in ends if end), default=None)


def lapse(draft: Draft, step: Step, due_at: datetime) -> None:
    """Closes what is over as late, and with it the step, unless that was granted all the same."""
    over = [line for line in outstanding(step) if _end_of(draft, line) <= due_at]
    for line in over:
        draft.put_procedure(step.code, replace(line, outcome="late"), instead_of=line)
    codes = sorted(line.material for line in over)
    draft.tell(EventType.STEP_TOLERANCE_LAPSED, step.code, codes=codes, due_at=due_at.isoformat())
    if step.state not in FINAL_STEP:
        ending.end_step(draft, step.code, StepState.CANCELLED, LAPSED)


def _end_of(draft: Draft, line: Tolerance) -> datetime:
    end = flow.end_of_day(line.due_on, draft.case.utc_offset_minutes)
    if end is None:
        raise AssertionError("a day that can be promised ends")
    return end


def take(draft: Draft, code: str, materials: Sequence[MaterialGiven]) -> tuple[MaterialGiven, ...]:
    """Notes which of these were promised, and lets the department have them; gives those that were not.

    One that comes late, after the step was granted, closes nothing: the line stays late, and says when it
    came.
    """
    step = draft.steps[code]
    asked = {request.code for request in step.requests if request.kind == "material"}
    lines = [
        line
        for line in ledger(step)
        if line.delivered_at is None
        and (line.outcome is None or (line.outcome == "late" and step.state is StepState.COMPLETED))
    ]
    awaited, given_now = {line.material for line in lines}, {given.code for given in materials}
    came = [given for given in materials if given.code in awaited]
    if not came:
        return tuple(materials)
    for line in lines:
        if line.material in given_now:
            end = line.outcome or ("excused" if line.deferred_by else "kept")
            made_good = replace(line, delivered_at=draft.now.at, outcome=end)
            draft.put_procedure(code, made_good, instead_of=line)
    flow.take_supplement(draft, tuple(came), {})
    draft.tell(EventType.STEP_MADE_GOOD, code, codes=sorted(given.code for given in came))
    anew.hand_out(draft, code)
    return tuple(given for given in materials if given.code not in awaited or given.code in asked)


def excuse(draft: Draft, code: str) -> None:
    """The step was granted without what is outstanding: it was not needed."""
    for line in outstanding(draft.steps[code]):
        draft.put_procedure(code, replace(line, outcome="excused"), instead_of=line)


def defer(draft: Draft, code: str, later: Later, *, by: str, reason: str) -> None:
    """Puts off the day of a material, for force majeure. Raises: NotFound, Conflict, FormInvalid."""
    step = draft.steps.get(code)
    line = next((each for each in ledger(step) if each.material == later.material), None) if step else None
    if step is None or line is None:
        raise NotFound
    if line not in outstanding(step) or ends_at(draft, step) is None:
        raise moves.refused("this material is not awaited any more", draft, step)
    due_on = later.due_on
    if due_on is None or due_on <= line.due_on or due_on.year > flow.LAST_YEAR:
        zh, en = f"应晚于 {line.due_on}", f"Expected a day after {line.due_on}"
        raise FormInvalid("the day is not later", faults=(Fault("date_not_later", zh, en, "/due_on"),))
    deferred = replace(line, due_on=due_on, deferred_by=by, deferred_for=reason)
    draft.put_procedure(code, deferred, instead_of=line)
    draft.tell(
        EventType.STEP_TOLERANCE_DEFERRED, code, codes=[line.material], by=by, reason=reason,
        until=due_on.isoformat(),
    )  # fmt: skip
