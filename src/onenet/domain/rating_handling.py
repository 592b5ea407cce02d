"""Giving ratings and handling the bad ones: what becomes of the case, by the tables of `ratings`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from onenet.domain.bundle import Limit
from onenet.domain.case import Case, Reply, Step
from onenet.domain.clocks import Clock
from onenet.domain.commands import GiveRating, HandleRating
from onenet.domain.deadlines import deadline
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.flow import end_of_day
from onenet.domain.procedures import Procedure
from onenet.domain.ratings import (
    LAST_SATISFIED,
    Act,
    Rating,
    RatingState,
    Rule,
    Stage,
    Verdict,
    allowed,
    ratings_of,
    rule_of,
    tags_for,
)
from onenet.domain.states import FINAL_CASE, CaseState, StepState
from onenet.domain.tickets import ticket_of
from onenet.domain.visibility import View
from onenet.errors import (
    AlreadyRated,
    CaseErased,
    DateNotPossible,
    Fault,
    MoveRefused,
    NotFound,
    StageNotReached,
    UnknownReference,
)

_S = RatingState
_SAID = {
    _S.CLASSIFIED: EventType.RATING_CLASSIFIED,
    _S.REPAIRING: EventType.RATING_REPAIRING,
    _S.REPAIRED: EventType.RATING_REPAIRED,
    _S.FOLLOWED_UP: EventType.RATING_FOLLOWED_UP,
    _S.CLOSED: EventType.RATING_CLOSED,
    _S.APPEALED: EventType.RATING_APPEALED,
    _S.REMOVED: EventType.RATING_REMOVED,
}


def _is_reached(stage: Stage, state: CaseState, steps: Iterable[Step]) -> bool:
    """Whether it can be rated: acceptance once a step was accepted, or decided at once; closing once the case
    is closed, also by whom was refused, or gave up.
    """
    if stage is Stage.CLOSING:
        return state in FINAL_CASE
    return any(step.timing.clock is not None or step.state is StepState.COMPLETED for step in steps)


def ratable(case: Case) -> list[Stage]:
    """The stages that the case has come to and that were not rated yet."""
    steps = case.steps.values()
    rated = {each.stage for each in ratings_of(case.content.procedures)}
    return [stage for stage in Stage if stage not in rated and _is_reached(stage, case.state, steps)]


def without_news_of_ratings(case: Case, view: View) -> Case:
    """The case, for a department as if the ratings after its last other event had not been given.

    Its last event and its last change would tell which case a rating without a name is of.
    """
    return case if view.department is None else _behind_ratings(case)


def _behind_ratings(case: Case) -> Case:
    newest = max(ratings_of(case.content.procedures), key=lambda each: each.seq, default=None)
    if newest is None or newest.behind_at is None or newest.seq != case.seq:
        return case
    return case._replace(seq=newest.behind_seq, updated_at=newest.behind_at)


# ---- giving one


def give(draft: Draft, command: GiveRating) -> Reply:
    """The applicant rates a stage. Raises: AlreadyRated, StageNotReached, UnknownReference, CaseErased."""
    case, now = draft.case, draft.now.at
    _check(draft, command)
    is_bad = command.level > LAST_SATISFIED
    state = _S.CONTACT_DUE if is_bad and command.is_named else _S.SUBMITTED
    rating = Rating(
        "rating",
        _id(case, command.stage),
        command.stage,
        command.level,
        state,
        department=draft.steps[command.step].department if command.step else _lead(case),
        channel=command.channel,
        is_named=command.is_named,
        at=now,
        since=now,
        step=command.step,
        tags=command.tags,
        text=command.text,
        due_at=_due_at(draft, draft.rules.rating_contact) if is_bad else None,
        **_place(case),
    )
    _keep(draft, (*draft.content.procedures, rating))
    draft.add(
        EventType.RATING_GIVEN,
        department=rating.department,
        level=rating.level,
        channel=rating.channel,
        is_named=rating.is_named,
        tags=list(rating.tags),
        tags_version=rating.tags_version,
        text=rating.text,
        **_standing(rating),
    )
    return "applied"


def _lead(case: Case) -> str:
    """Who answers for the case as a whole: of a ticket, the unit that has answered it."""
    ticket = ticket_of(case.content.procedures)
    unit = ticket.round.lead if ticket else None
    return unit.department if unit else case.bundle.lead


def _id(case: Case, stage: Stage) -> UUID:
    """Made with the secret's hash, which no department has, and in no lane, which would tell of the case."""
    said = f"rating/{case.id}/{case.secret_hash.hex()}/{stage}"
    return UUID(bytes=hashlib.sha256(said.encode()).digest()[:16], version=4)


def _check(draft: Draft, command: GiveRating) -> None:
    if any(each.stage is command.stage for each in ratings_of(draft.content.procedures)):
        raise AlreadyRated
    if not _is_reached(command.stage, draft.state, draft.steps.values()):
        raise StageNotReached
    if draft.content.is_erased:
        raise CaseErased
    step = draft.steps.get(command.step) if command.step else None
    if command.step and (step is None or step.state is StepState.SKIPPED):
        raise _unknown("/step", "办件没有此环节", "the case has no such step")
    if command.step and draft.case.bundle.member(command.step).verifies:
        raise _unknown("/step", "核验环节不评价", "a step that only verifies is not rated")
    strangers = [n for n, tag in enumerate(command.tags) if tag not in tags_for(command.channel)]
    if strangers:
        raise _unknown(f"/tags/{strangers[0]}", "该渠道没有此评价标签", "this channel has no such tag")


def _unknown(pointer: str, zh: str, en: str) -> UnknownReference:
    return UnknownReference(en, faults=(Fault("unknown", zh, en, pointer=pointer),))


# ---- handling a bad one


def handle(draft: Draft, command: HandleRating) -> Reply:
    """Somebody of the office does the next thing. Raises: NotFound, MoveRefused, DateNotPossible."""
    rating = next((r for r in ratings_of(draft.content.procedures) if r.id == command.rating), None)
    if rating is None:
        raise NotFound
    rule = rule_of(rating, command.act, is_supervisor=command.is_supervisor)
    if rule is None:
        present = {"case": draft.state.value, "rating": str(rating.id), "state": rating.state.value}
        raise MoveRefused("the rating is in another state", present, allowed(rating))
    verdict = Verdict.VALID if command.act is Act.DISMISS else command.verdict or rating.verdict
    changed = replace(
        rating,
        state=rule.to,
        since=draft.now.at,
        verdict=verdict,
        due_at=_next_due_at(draft, rule, command.due_on),
        **_place(draft.case),
    )
    _keep(draft, tuple(changed if each is rating else each for each in draft.content.procedures))
    draft.add(_SAID[changed.state], verdict=verdict, reason=command.reason, **_standing(changed))
    return "applied"


def _place(case: Case) -> dict[str, Any]:
    """Where its event stands, and behind which one."""
    behind = _behind_ratings(case)
    return {"seq": case.seq + 1, "behind_seq": behind.seq, "behind_at": behind.updated_at}


def _standing(rating: Rating) -> dict[str, Any]:
    """What every event of a rating says of it: no event is its step's, whose department need not know of it.

    `until` is when the next move is due.
    """
    until = rating.due_at.isoformat() if rating.due_at else None
    return {"stage": rating.stage, "about": rating.step, "rating_state": rating.state, "until": until}


def _next_due_at(draft: Draft, rule: Rule, due_on: date | None) -> datetime | None:
    """By the rules' number of working days, or at the end of the day that was promised for a complex repair.

    Raises: DateNotPossible when that day is over.
    """
    if due_on is not None:
        offset = draft.case.utc_offset_minutes
        ends_at = end_of_day(due_on, offset)
        if ends_at is None or due_on <= draft.today:
            en = "Expected a day after today"
            raise DateNotPossible(en, faults=(Fault("date", "应为今天以后的日期", en, pointer="/due_on"),))
        return ends_at
    return _due_at(draft, getattr(draft.rules, rule.days)) if rule.days else None


def _due_at(draft: Draft, limit: Limit) -> datetime | None:
    return deadline(limit, Clock(draft.now.at), draft.rules.calendar, draft.case.utc_offset_minutes).due_at


def _keep(draft: Draft, procedures: tuple[Procedure, ...]) -> None:
    draft.content = replace(draft.content, procedures=procedures)
