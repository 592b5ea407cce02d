"""What people do in the month: applicants, offices of every kind, supervisors. A row for each deed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple

from onenet.domain.bundle import Limit
from onenet.domain.calendar import Calendar
from onenet.domain.case import Case, MaterialGiven, Step
from onenet.domain.commands import (
    AnswerUrging,
    AskHearing,
    CheckCommitment,
    Command,
    ConfirmWithdrawal,
    DeferTolerance,
    DeliverResults,
    Extend,
    GiveRating,
    HandInSupplement,
    HandleRating,
    Hear,
    RecordAnswer,
    TakeCommitmentBack,
    Urge,
    WaiveHearing,
    Withdraw,
)
from onenet.domain.moves import is_to_be_delivered
from onenet.domain.opinion_acts import AskOpinion, GiveOpinion
from onenet.domain.opinions import open_of
from onenet.domain.outcome import (
    Accepted,
    Completed,
    Outcome,
    RecordHearing,
    Rejected,
    ResultGiven,
    Resumed,
    SetHearing,
    SupplementNeeded,
    SupplementRequest,
    Suspended,
    TellHearingRight,
    WhichLimit,
)
from onenet.domain.procedures import hearing_of
from onenet.domain.promises import Finding, Later
from onenet.domain.ratings import Act, Channel, Stage, Verdict, possible, ratings_of
from onenet.domain.states import FINAL_CASE, StepState, TaskState
from onenet.domain.tolerance import outstanding
from onenet.domain.urging import Level, urgings
from tests.month.kinds import local


class Now(NamedTuple):
    """What somebody knows who does something: the time, the calendar, and a die."""

    at: datetime
    calendar: Calendar
    random: random.Random

    def workday_after(self, number: int) -> date:
        """The day after so many working days, or the next one on which offices work."""
        day = local(self.at)
        while number:
            day += timedelta(days=1)
            number -= self.calendar.day(day).is_workday
        return day


class Planned(NamedTuple):
    """A deed, and in how many days."""

    what: str
    days: float


def when_handed_out(draw: Callable[[float, float], float], *, is_licence: bool) -> Iterator[Planned]:
    """An office may be silent for long, most often about a licence; be late; ask; or stop."""
    accept = draw(8, 20) if draw(0, 1) < (0.3 if is_licence else 0.08) else draw(0.1, 4)
    decide = accept + (draw(5, 40) if draw(0, 1) < 0.15 else draw(0.1, 4))
    if draw(0, 1) < 0.04:
        yield Planned("ask", accept / 2)
    yield Planned("accept", accept)
    chance = draw(0, 1)
    if chance < 0.07:
        yield Planned("ask", accept + 0.2)
    elif chance < 0.18:
        yield Planned("suspend" if draw(0, 1) < 0.6 else "stop", accept + 0.2)
        stands = draw(0.5, 12)
        yield Planned("resume", accept + stands)
        decide += stands
    elif chance < 0.29:
        decide += draw(6, 30)
        yield from _hearing(draw, accept + 0.2)
    for what, share in _BESIDE.items():
        if draw(0, 1) < share:
            at = accept + draw(0.1, 4)
            yield Planned(what, at)
            if what == "ask_opinion" and draw(0, 1) < 0.6:
                yield Planned("give_opinion", at + draw(0.5, 12))
    yield Planned("refuse" if draw(0, 1) < 0.05 else "complete", decide)


_BESIDE: Mapping[str, float] = {
    "extend": 0.05,
    "extend_case": 0.03,
    "urge": 0.05,
    "supervise": 0.02,
    "answer_urging": 0.3,
    "make_good": 0.5,
    "defer": 0.2,
    "take_back": 0.05,
    "ask_opinion": 0.15,
    "withdraw_step": 0.02,
    "withdraw": 0.01,
}
"""What may happen beside, and how often."""


def _hearing(draw: Callable[[float, float], float], begins: float) -> Iterator[Planned]:
    yield Planned("tell_hearing", begins)
    if draw(0, 1) < 0.5:
        asked = begins + draw(0.3, 5)
        yield Planned("ask_hearing" if draw(0, 1) < 0.8 else "waive_hearing", asked)
        yield Planned("set_hearing", asked + 1)
        yield Planned("record_hearing", asked + draw(13, 30))


def when_ended(draw: Callable[[float, float], float]) -> Iterator[Planned]:
    """Half of all applicants rate the end; what was refused may be applied for again."""
    if draw(0, 1) < 0.5:
        rated = draw(0.1, 3)
        yield Planned("rate", rated)
        for _ in range(6):
            yield Planned("handle", rated := rated + draw(0.2, 4))


def when_asked(draw: Callable[[float, float], float]) -> Iterator[Planned]:
    """Who is asked for something mostly hands it in."""
    if draw(0, 1) < 0.7:
        yield Planned("hand_in", draw(0.2, 9))


def when_granted(draw: Callable[[float, float], float]) -> Iterator[Planned]:
    """The applicant fetches the paper, sooner or later."""
    if draw(0, 1) < 0.8:
        yield Planned("deliver", draw(0.2, 10))


def when_granted_on_commitment(draw: Callable[[float, float], float]) -> Iterator[Planned]:
    """An officer looks, in time or not; what is broken is repaired, revoked or forgotten."""
    if draw(0, 1) < 0.8:
        looked = draw(1, 9)
        yield Planned("find_kept" if draw(0, 1) < 0.4 else "find_broken", looked)
        if draw(0, 1) < 0.8:
            yield Planned("find_repaired" if draw(0, 1) < 0.5 else "find_revoked", looked + draw(2, 9))


# ---- what each deed is


Deed = Callable[[Case, Step, Now], Command | None]


def _answer(outcome: Outcome, *states: StepState) -> Deed:
    def answer(case: Case, step: Step, now: Now) -> Command | None:
        task = case.live_task(step.code)
        return RecordAnswer(task.id, outcome) if task and step.state in (states or _OPEN) else None

    return answer


_OPEN = (StepState.DISPATCHED, StepState.ACCEPTED, StepState.SUSPENDED)
_READY = (StepState.DISPATCHED, StepState.ACCEPTED)


def _complete(case: Case, step: Step, now: Now) -> Command | None:
    """With the paper that is to be fetched, where one is."""
    member = case.bundle.member(step.code)
    papers = member.results if member.delivery[0] != "electronic" else ()
    results = tuple(ResultGiven(each.code, f"{case.number}-{each.code}") for each in papers)
    return _answer(Completed(results, without_opinions="none came"), *_READY)(case, step, now)


def _deliver(case: Case, step: Step, now: Now) -> Command | None:
    return DeliverResults(step.code, "officer:window") if is_to_be_delivered(step) else None


def _ask(case: Case, step: Step, now: Now) -> Command | None:
    """Some name the day, others leave it to the place."""
    member, task = case.bundle.member(step.code), case.live_task(step.code)
    if not member.fields or task is None:
        return None
    asked = (SupplementRequest("field", next(iter(member.fields)), "unreadable"),)
    due_on = local(now.at) + timedelta(days=7) if now.random.random() < 0.7 else None
    return RecordAnswer(task.id, SupplementNeeded(asked, due_on))


def _hand_in(case: Case, step: Step, now: Now) -> Command | None:
    if step.state is not StepState.SUPPLEMENT_NEEDED:
        return None
    form = {each.code: case.content.form.get(each.code, "x") for each in step.requests}
    return HandInSupplement(step.code, (), form)


def _make_good(case: Case, step: Step, now: Now) -> Command | None:
    lines = outstanding(step)
    given = tuple(MaterialGiven(each.material, f"later/{each.material}") for each in lines[:1])
    return HandInSupplement(step.code, given, {}) if lines else None


def _defer(case: Case, step: Step, now: Now) -> Command | None:
    lines = outstanding(step)
    if not lines:
        return None
    later = Later(lines[0].material, lines[0].due_on + timedelta(days=3))
    return DeferTolerance(step.code, later, "officer:market", "flood")


def _find(word: Literal["kept", "broken", "repaired", "revoked"]) -> Deed:
    def find(case: Case, step: Step, now: Now) -> Command | None:
        due_on = now.workday_after(3) if word == "broken" else None
        return CheckCommitment(step.code, Finding(word, "seen on site", "officer:urban", due_on))

    return find


def _hear(act: TellHearingRight | AskHearing | WaiveHearing) -> Deed:
    return lambda case, step, now: Hear(step.code, act)


def _set_hearing(case: Case, step: Step, now: Now) -> Command | None:
    return Hear(step.code, SetHearing(now.workday_after(8), "room 1"))


def _record_hearing(case: Case, step: Step, now: Now) -> Command | None:
    """On the day that was set, or later: over a holiday it is further off than others planned for."""
    found = hearing_of(step.procedures)
    is_over = found is not None and found.on is not None and found.on <= local(now.at)
    return Hear(step.code, RecordHearing("minutes")) if is_over else None


def _extend(of_case: bool) -> Deed:
    def extend(case: Case, step: Step, now: Now) -> Command | None:
        which: WhichLimit = "promised" if now.random.random() < 0.7 else "statutory"
        days = now.random.randrange(1, 9)
        return Extend(None if of_case else step.code, which, days, "head", "much to do")

    return extend


def _urge(level: Level) -> Deed:
    return lambda case, step, now: Urge(step.code, level, "nothing happens", "supervisor:city")


def _answer_urging(case: Case, step: Step, now: Now) -> Command | None:
    unanswered = [each.number for each in urgings(step) if each.answer is None]
    return AnswerUrging(step.code, unanswered[0], "soon", "officer:x") if unanswered else None


def _ask_opinion(case: Case, step: Step, now: Now) -> Command | None:
    names = {"zh": "示例部门", "en": "Another department"}
    other = "market" if step.department != "market" else "fire"
    return AskOpinion(step.code, other, names, "does it fit?", f"department:{step.department}")


def _give_opinion(case: Case, step: Step, now: Now) -> Command | None:
    asked = open_of(step)
    return GiveOpinion(step.code, asked[0].id, "agree", None, "department:x") if asked else None


def _confirm(case: Case, step: Step, now: Now) -> Command | None:
    done = (TaskState.DONE, TaskState.WITHDRAWN)
    notices = [task for task in case.tasks.values() if task.kind == "withdrawal" and task.state not in done]
    return ConfirmWithdrawal(notices[0].id, "seen") if notices else None


def _rate(case: Case, step: Step, now: Now) -> Command | None:
    """One to five, mostly one."""
    level = now.random.choices((1, 2, 3, 4, 5), (50, 20, 10, 10, 10))[0]
    return GiveRating(Stage.CLOSING, level, Channel.MOBILE, is_named=now.random.random() < 0.7)


def _handle(case: Case, step: Step, now: Now) -> Command | None:
    """The next thing about a bad one, any that is possible."""
    for rating in ratings_of(case.content.procedures):
        if acts := possible(rating, is_supervisor=True):
            act = now.random.choice(acts)
            verdict = now.random.choice([*Verdict]) if act is Act.CLASSIFY else None
            return HandleRating(rating.id, act, "as it is", verdict, is_supervisor=True)
    return None


DEEDS: Mapping[str, Deed] = {
    "accept": _answer(Accepted()),
    "ask": _ask,
    "suspend": _answer(Suspended("expert_review", None, Limit(5, "workdays"))),
    "stop": _answer(Suspended("expert_review")),  # nobody is told for how long, so the clock runs on
    "resume": _answer(Resumed()),
    "refuse": _answer(Rejected("refused", "the conditions are not met", without_opinions="none came")),
    "complete": _complete,
    "deliver": _deliver,
    "hand_in": _hand_in,
    "make_good": _make_good,
    "defer": _defer,
    "take_back": lambda case, step, now: TakeCommitmentBack(step.code),
    "find_kept": _find("kept"),
    "find_broken": _find("broken"),
    "find_repaired": _find("repaired"),
    "find_revoked": _find("revoked"),
    "tell_hearing": _hear(TellHearingRight("it is to be refused")),
    "ask_hearing": _hear(AskHearing()),
    "waive_hearing": _hear(WaiveHearing()),
    "set_hearing": _set_hearing,
    "record_hearing": _record_hearing,
    "extend": _extend(of_case=False),
    "extend_case": _extend(of_case=True),
    "ask_opinion": _ask_opinion,
    "give_opinion": _give_opinion,
    "urge": _urge("urging"),
    "supervise": _urge("supervision"),
    "answer_urging": _answer_urging,
    "withdraw": lambda case, step, now: None if case.state in FINAL_CASE else Withdraw(),
    "withdraw_step": lambda case, step, now: Withdraw(step=step.code),
    "confirm": _confirm,
    "rate": _rate,
    "handle": _handle,
}
