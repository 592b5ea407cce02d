"""Random bundles and random histories of their cases, for properties that must hold whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

from hypothesis import strategies as st

from onenet.domain import moves, opinions
from onenet.domain.bundle import Bundle, EdgePolicy, Limit, Wait
from onenet.domain.case import WITHDRAWAL, Case, Task
from onenet.domain.commands import (
    AskHearing,
    Clerk,
    HandOver,
    Hear,
    Open,
    PutBack,
    Reapply,
    TakeUp,
    WaiveHearing,
    Withdraw,
    WorkAtDesk,
)
from onenet.domain.opinion_acts import AskOpinion, GiveOpinion, OpinionAct, WithdrawOpinion
from onenet.domain.outcome import (
    Accepted,
    AtDesk,
    Completed,
    Outcome,
    Received,
    RecordHearing,
    Rejected,
    ResultGiven,
    Resumed,
    SetHearing,
    SupplementNeeded,
    SupplementRequest,
    Suspended,
    TakenBack,
    TellHearingRight,
    TryLater,
    Unclear,
)
from onenet.domain.procedures import hearing_of, opinions_of
from onenet.domain.states import FINAL_CASE, FINAL_STEP, StepState
from onenet.domain.subjects import Subjects
from onenet.domain.unfolding import unfold
from onenet.errors import Conflict, NotFound
from tests.domain.walk import Action, Walk
from tests.factories import make_blank, make_bundle, make_content, make_material, make_member, make_question

ANSWERS: tuple[Outcome, ...] = (
    Received(),
    AtDesk(),
    Accepted(),
    Completed((ResultGiven("paper", "P-1"),)),
    Completed(),
    Rejected("refused", "not entitled"),
    SupplementNeeded((SupplementRequest("material", "deed", "blurred"),)),
    Suspended("hearing"),
    Resumed(),
    TakenBack("revoked", "obtained by false papers"),
    TellHearingRight("it touches others"),
    Unclear("code 99"),
    TryLater("transient", "503"),
    TryLater("permanent", "400"),
    TryLater("gone", "410"),
    TryLater("transient", "429", 60),
)
POLICIES: tuple[EdgePolicy, ...] = ("hold", "hold", "cancel", "go_on")
DECISIONS: tuple[Action, ...] = ("release", "release", "release", "complete", "reject", "skip", "cancel")
CLERKS = (Clerk("officer:x/1"), Clerk("officer:x/2"), Clerk("supervisor:x/3", is_supervisor=True))
CLAIMS = (TakeUp(), TakeUp(), TakeUp("ill"), HandOver("officer:x/2", "away"), PutBack())
CODES = "abcdef"


@dataclass(frozen=True)
class Act:
    """One thing that somebody does to the step of that number."""

    who: str
    step: int
    what: int


@st.composite
def bundles(draw: st.DrawFn, unfolded: bool = True) -> Bundle:
    """A bundle of up to six members: any graph and policies of its edges, three departments, conditions,
    counters, waiting periods, several subjects.
    """
    members = []
    for number in range(draw(st.integers(1, len(CODES)))):
        before = CODES[:number]
        waits = [Wait("noticed_on", Limit(2, "days"))] if draw(st.integers(0, 5)) == 0 else []
        after = draw(st.lists(st.sampled_from(before), unique=True)) if before else []
        members.append(
            make_member(
                CODES[number],
                department=draw(st.sampled_from(["police", "bank", "tax"])),
                after=after,
                if_failed={code: draw(st.sampled_from(POLICIES)) for code in after},
                when=draw(st.sampled_from([None, None, None, "small == true", "small == false"])),
                offline=draw(st.integers(0, 7)) == 0,
                materials=["deed", "paper"],
                results=["paper"],
                waits=waits,
            )
        )
    made = make_bundle(
        *members,
        questions=[make_question("small")],
        materials=[make_material("deed"), make_material("paper", mode=2, from_result="paper")],
    )
    own = draw(st.lists(st.sampled_from([each.code for each in made.members]), min_size=1, unique=True))
    family = Subjects(
        {"zh": "人", "en": "One"}, 3, tuple(own), ("noticed_on",) if draw(st.booleans()) else ()
    )
    made = replace(made, partial_withdrawal=True, subjects=family)
    return unfold(made, draw(st.sampled_from([1, 1, 1, 2, 3])) if unfolded else 1)


WHO = ("worker", "worker", "department", "department", "zombie", "officer", "applicant", "clerk", "clerk",
       "colleague")  # fmt: skip


def random_acts(seed: int, count: int) -> list[Act]:
    """A long history in one number; `count` shrinks to the shortest one that still fails."""
    random = Random(seed)
    return [Act(random.choice(WHO), random.randrange(60), random.randrange(10_000)) for _ in range(count)]


acts = st.builds(random_acts, st.integers(0, 2**32), st.integers(0, 100))


def blank(bundle: Bundle, small: bool) -> Case:
    """The case before it is opened; its waiting periods still have a day to go."""
    days = dict.fromkeys(("noticed_on", "noticed_on__2", "noticed_on__3"), "2026-11-22")
    content = make_content(answers={"small": small}, form=days, materials=["deed"])
    return make_blank(bundle, content=content, number="32050020261123000001")


def start(case: Case) -> Walk:
    """The case, opened."""
    walk = Walk(case)
    walk.tell(Open())
    return walk


def perform(walk: Walk, act: Act) -> None:
    """Does it, if it can be done now. What departments and workers say must never raise anything."""
    step = _chosen(walk, act)
    task = walk.case.live_task(step)
    outcome = ANSWERS[act.what % len(ANSWERS)]
    match act.who:
        case "worker":
            _work(walk, task, outcome, act.what)
        case "zombie":
            if task is not None and task.next_at is not None:
                walk.claim(step)
        case "department":
            if task is not None:
                seq = task.applied_seq + act.what % 4 if act.what % 5 else None
                late = act.what % 11 == 0
                walk.answer(step, outcome, seq=seq, submission=1 if late else 0)
        case "clerk":
            if task is not None:
                clerk, does = CLERKS[act.what % 3], act.what // 3
                said = CLAIMS[does % len(CLAIMS)] if does % 2 else outcome
                _unless_refused(lambda: walk.tell(WorkAtDesk(task.id, clerk, said)))
        case "colleague":
            _consult(walk, step, act.what)
        case "officer":
            _unless_refused(lambda: walk.decide(step, DECISIONS[act.what % len(DECISIONS)]))
        case _:
            _applicant(walk, step, act.what)


def _work(walk: Walk, task: Task | None, outcome: Outcome, what: int) -> None:
    """Calls a department about this task, or about the first withdrawal that it is to be told of."""
    notices = [each for each in walk.case.tasks.values() if each.kind == WITHDRAWAL and each.next_at]
    chosen = notices[0] if notices and what % 3 == 0 else task
    if chosen is not None and chosen.next_at is not None:
        walk.now = max(walk.now, chosen.next_at) if what % 2 else walk.now
        walk.attempt_task(chosen, outcome)


def _consult(walk: Walk, code: str, what: int) -> None:
    """Asks another department for its opinion, or does something about one that was asked."""
    asked = opinions_of(walk.step(code).procedures)
    found = asked[what % len(asked)].id if asked else walk.case.id
    acts: tuple[OpinionAct, ...] = (
        AskOpinion(
            code, f"colleague_{what % 2}", {"zh": "同事", "en": "colleague"}, "is it so?", "officer:x/1"
        ),
        GiveOpinion(code, found, "agree", None, "officer:y/1"),
        WithdrawOpinion(code, found, "not needed"),
    )
    _unless_refused(lambda: walk.tell(acts[what % 3]))


BUSY_WITH: dict[str, frozenset[StepState]] = {
    "officer": frozenset({StepState.HELD}),
    "applicant": frozenset({StepState.SUPPLEMENT_NEEDED}),
}


def _chosen(walk: Walk, act: Act) -> str:
    """Mostly a step with which this actor can do something, now and then any."""
    steps = list(walk.case.steps.values())
    states = BUSY_WITH.get(act.who, frozenset(StepState) - FINAL_STEP)
    fitting = [step for step in steps if step.state in states]
    among = fitting if fitting and act.what % 8 else steps
    return among[act.step % len(among)].code


def _applicant(walk: Walk, step: str, what: int) -> None:
    if walk.step(step).state is StepState.SUPPLEMENT_NEEDED:
        _unless_refused(lambda: walk.supplement(step, "deed"))
    elif what % 100 == 0:
        _unless_refused(walk.withdraw)
    elif what % 100 == 1:
        _unless_refused(lambda: walk.tell(Withdraw(step=step)))
    elif what % 7 == 0:
        wish = AskHearing() if what % 2 else WaiveHearing()
        _unless_refused(lambda: walk.tell(Hear(step, wish)))
    elif what % 9 == 0:
        again = walk.case.derived_id("reapplication", step)
        _unless_refused(lambda: walk.tell(Reapply(step, again)))
    else:
        walk.pass_time(timedelta(hours=what % 24))


def _unless_refused(act: Callable[[], Any]) -> None:
    try:
        act()
    except (Conflict, NotFound):
        return


def finish(walk: Walk) -> int:
    """Everybody now does what is asked of them, until the case is closed; gives the rounds that it took."""
    for rounds in range(60):
        if walk.case.state in FINAL_CASE:
            return rounds
        walk.pass_time(timedelta(days=1))
        for code in walk.case.steps:
            _do_what_is_asked(walk, code)
    raise AssertionError(f"the case does not come to an end: {walk.states()}")


def _set_hearing(walk: Walk, code: str) -> None:
    """For the first day on which it can be."""
    for days in range(7, 40):
        found = hearing_of(walk.step(code).procedures)
        if found is None or found.state != "asked":
            return
        on = walk.now.date() + timedelta(days=days)
        _unless_refused(partial(walk.tell, Hear(code, SetHearing(on, "room 1"))))


def _do_what_is_asked(walk: Walk, code: str) -> None:
    step, task = walk.step(code), walk.case.live_task(code)
    for each in opinions.open_of(step):
        walk.tell(GiveOpinion(code, each.id, "no_remarks", None, "officer:y/1"))
    if moves.is_hearing_ahead(step):
        _unless_refused(lambda: walk.tell(Hear(code, WaiveHearing())))
        _set_hearing(walk, code)
        _unless_refused(lambda: walk.tell(Hear(code, RecordHearing("everybody was heard"))))
        step = walk.step(code)
    if step.state is StepState.HELD:
        action: Action = "complete" if walk.case.bundle.member(code).offline else "release"
        _unless_refused(lambda: walk.decide(code, action))
    elif step.state is StepState.SUPPLEMENT_NEEDED:
        walk.supplement(code, "deed")
    elif step.state is StepState.SUSPENDED:
        walk.answer(code, Resumed())
    elif task is not None and task.next_at is not None:
        walk.now = max(walk.now, task.next_at)
        walk.attempt(code, Received())
    elif task is not None:
        walk.answer(code, Completed())
