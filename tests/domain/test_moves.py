"""Every pair of a state and a wish is in the table or refused, and a refusal changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import get_args

import pytest

from onenet.domain import commands, moves
from onenet.domain.bundle import Limit
from onenet.domain.case import MaterialGiven
from onenet.domain.commands import (
    AskHearing,
    Clerk,
    Command,
    DecideStep,
    Erase,
    HandInSupplement,
    HandOver,
    Hear,
    PutBack,
    Reapply,
    RecordAnswer,
    SendAgain,
    TakeUp,
    Urge,
    WaiveHearing,
    Withdraw,
    WorkAtDesk,
)
from onenet.domain.opinion_acts import AskOpinion
from onenet.domain.outcome import (
    WORDS,
    Accepted,
    AtDesk,
    Completed,
    Extended,
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
    Unclear,
)
from onenet.domain.procedures import Hearing, HearingState
from onenet.domain.states import CASE_MOVES, FINAL_CASE, FINAL_STEP, STEP_MOVES, CaseState, StepState
from onenet.errors import MoveRefused, NotFound
from tests.domain.walk import Walk, begin
from tests.factories import make_bundle, make_material, make_member, names

S = StepState
CLERK = Clerk("officer:police/z-1")
ASKED = SupplementNeeded((SupplementRequest("material", "deed", "blurred"),))
HEARING = Suspended("hearing")
REFUSED = Rejected("refused", "not entitled")
SAID: Mapping[str, Outcome] = {
    "accepted": Accepted(),
    "completed": Completed(),
    "supplement_needed": ASKED,
    "suspended": HEARING,
    "resumed": Resumed(),
    "rejected": REFUSED,
    "recalled": TakenBack("recalled", "the street is rebuilt"),
    "revoked": TakenBack("revoked", "false papers"),
    "extended": Extended("statutory", 10, "the head of the body", "the experts are away"),
    "hearing_told": TellHearingRight("it touches others"),
    "hearing_set": SetHearing(date(2026, 12, 3), "room 3"),
    "hearing_held": RecordHearing("everybody was heard"),
}
CLAIMS: Mapping[str, TakeUp | HandOver | PutBack] = {
    "claim": TakeUp(),
    "hand_over": HandOver("officer:police/z-2", "away"),
    "put_back": PutBack(),
}
HEARING_ACTS = {
    act.action: act
    for act in (
        TellHearingRight("it touches others"),
        AskHearing(),
        WaiveHearing(),
        SetHearing(date(2026, 12, 3), "room 3"),
        RecordHearing("everybody was heard"),
    )
}
PATHS: Mapping[StepState, list[Outcome]] = {
    S.DISPATCHED: [],
    S.ACCEPTED: [Accepted()],
    S.SUPPLEMENT_NEEDED: [ASKED],
    S.SUSPENDED: [Accepted(), HEARING],
    S.HELD: [Unclear("code 99")],
    S.COMPLETED: [Completed((ResultGiven("paper"),))],
    S.REJECTED: [REFUSED],
}
"""How a step gets into each state that answers lead to."""


def in_state(state: StepState, *, at_desk: bool = False) -> Walk:
    """A case whose step `card` is in that state; `photo` comes after it, and `seal` before it."""
    card = make_member("card", after=["seal"], materials=["deed"], results=["paper"])
    bundle = make_bundle(
        make_member("seal", department="bank"),
        replace(card, statutory=Limit(20, "workdays")),
        make_member("photo", department="health", after=["card"]),
        make_member("other", department="police"),
        materials=[make_material("deed")],
    )
    walk = begin(bundle, materials=["deed"])
    if state is S.WAITING:
        return walk
    if state is S.SKIPPED:
        walk.answer("seal", REFUSED)
        walk.decide("card", "skip")
        return walk
    if state is not S.READY:
        walk.attempt("other", Received())
    walk.answer("seal", Completed())
    if state not in (S.READY, S.CANCELLED):
        walk.attempt("card", AtDesk() if at_desk else Received())
        for outcome in PATHS[state]:
            walk.answer("card", outcome)
    if state is S.CANCELLED:
        walk.withdraw()
    assert walk.step("card").state is state
    return walk


def take_hearing_to(walk: Walk, move: moves.Move) -> None:
    """Takes the hearing of the step to where that can be done, in whatever state it is."""
    give_hearing(walk, next((each for each in get_args(HearingState) if each in move.hearing), None))


def give_hearing(walk: Walk, state: HearingState | None) -> None:
    """Puts a hearing that is so beside the state of the step."""
    if state is not None:
        step = walk.step("card")
        found = Hearing("hearing", state, "it touches others", told_at=walk.now, asked_at=walk.now)
        changed = step._replace(procedures=(*step.procedures, found))
        walk.case = walk.case._replace(steps={**walk.case.steps, "card": changed})


def wanted(walk: Walk, action: str) -> Command:
    """The command by which that is done to the step."""
    task = walk.case.live_task("card")
    task_id = task.id if task else walk.case.id
    if action in SAID:
        return RecordAnswer(task_id, SAID[action])
    match action:
        case "tell_hearing" | "ask_hearing" | "waive_hearing" | "set_hearing" | "record_hearing":
            return Hear("card", HEARING_ACTS[action])
        case "ask_opinion":
            return AskOpinion("card", "bank", names("银行"), "is it so?", "officer:police/z-1")
        case "hand_in":
            return HandInSupplement("card", (MaterialGiven("deed", "file:again"),), {})
        case "urge":
            return Urge("card", "urging", "the family waits", "supervisor:city")
        case "reapply":
            return Reapply("card", walk.case.derived_id("reapplication", "card"))
        case "send_again":
            return SendAgain(task_id, "lost there")
        case "hold" | "release" | "complete" | "reject" | "skip" | "cancel":
            return DecideStep("card", action, "by a person")
        case "claim" | "hand_over" | "put_back":
            return WorkAtDesk(task_id, CLERK, CLAIMS[action])
        case _:
            raise AssertionError(action)


def outcome_of(walk: Walk, command: Command) -> str:
    """`done`, or how it was refused; refusing left everything as it was."""
    before = walk.case
    try:
        reply = walk.tell(command)
    except (MoveRefused, NotFound) as error:
        refusal = error
    else:
        if reply not in ("refused", "recorded-late"):
            return "held" if reply == "held" else "done"
        after = walk.case
        assert (after.steps, after.tasks, after.state) == (before.steps, before.tasks, before.state)
        return "refused"
    assert walk.case is before
    if isinstance(refusal, NotFound):
        return "not there"
    meant = before.steps["card"] if "step" in refusal.present else None
    assert refusal.present["case"] == before.state.value
    assert refusal.allowed == moves.allowed(before.state, meant)
    return "refused"


@pytest.mark.parametrize("action", sorted(moves.OF_STEP))
@pytest.mark.parametrize("state", StepState)
def test_what_is_wanted_of_a_step_is_in_the_table_or_refused(state: StepState, action: str) -> None:
    move = moves.OF_STEP[action]
    walk = in_state(state, at_desk=move.at_desk)
    if action in ("hand_over", "put_back") and state in move.states:
        walk.tell(wanted(walk, "claim"))
    if state in move.states:
        take_hearing_to(walk, move)
    has_task = walk.case.live_task("card") is not None
    is_there = has_task and (walk.step("card").desk_at is not None or not move.at_desk)
    needs_task = action in SAID or action == "send_again" or move.at_desk
    allowed = {each["action"] for each in moves.allowed(walk.case.state, walk.step("card"))}
    assert (action in allowed) == (state in move.states)
    expected = "done" if state in move.states else "refused"
    if needs_task and not is_there:
        expected = "not there"
    elif move.of_results and S.HELD in STEP_MOVES[state]:
        expected = "held"  # before it was decided a person has to say what is meant
    if (state, action) == (S.ACCEPTED, "accepted"):
        expected = "done"  # said twice: it stays as it is
    assert outcome_of(walk, wanted(walk, action)) == expected


HEARINGS: tuple[HearingState | None, ...] = (None, *get_args(HearingState))


@pytest.mark.parametrize("hearing", HEARINGS)
@pytest.mark.parametrize(
    ("state", "action", "waits_for"),
    [
        # LIC art. 46, 47: the right is told before the decision, and is there for five working days.
        (S.ACCEPTED, "completed", {"told", "asked", "set"}),
        (S.ACCEPTED, "rejected", {"told", "asked", "set"}),
        (S.SUPPLEMENT_NEEDED, "rejected", {"told", "asked", "set"}),
        (S.HELD, "completed", {"told", "asked", "set"}),
        (S.HELD, "complete", {"told", "asked", "set"}),
        (S.HELD, "reject", {"told", "asked", "set"}),
        (S.HELD, "skip", {"told", "asked", "set"}),
        (S.HELD, "cancel", {"told", "asked", "set"}),
        # LIC art. 48: one that was asked for ends with its minutes, and not before.
        (S.SUSPENDED, "resumed", {"asked", "set"}),
        # Whoever does not hand it in would be out of the case before the hearing.
        (S.ACCEPTED, "supplement_needed", {"told", "asked", "set"}),
        (S.HELD, "release", set()),
    ],
)
def test_nothing_is_decided_while_a_hearing_is_ahead(
    state: StepState, action: str, waits_for: set[str], hearing: HearingState | None
) -> None:
    walk = in_state(state)
    give_hearing(walk, hearing)
    can_be_done = {each["action"] for each in moves.allowed(walk.case.state, walk.step("card"))}
    is_open = hearing not in waits_for
    assert (action in can_be_done) == is_open
    assert moves.present(walk.case.state, walk.step("card")).get("hearing") == (
        hearing if hearing in ("told", "asked", "set") else None
    )
    assert outcome_of(walk, wanted(walk, action)) == ("done" if is_open else "refused")


@pytest.mark.parametrize("state", CaseState)
@pytest.mark.parametrize("action", sorted(moves.OF_CASE))
def test_what_is_wanted_of_a_case_is_in_the_table_or_refused(state: CaseState, action: str) -> None:
    walk = in_case_state(state)
    command: Command = Withdraw() if action == "withdraw" else Erase("retention")
    expected = "done" if state in moves.OF_CASE[action].states else "refused"
    assert outcome_of(walk, command) == expected


def in_case_state(state: CaseState) -> Walk:
    """A case in that state."""
    ways: Mapping[CaseState, Callable[[Walk], object]] = {
        CaseState.RECEIVED: lambda walk: None,
        CaseState.ACCEPTED: lambda walk: walk.answer("a", Accepted()),
        CaseState.IN_PROGRESS: lambda walk: walk.answer("a", Completed()),
        CaseState.COMPLETED: lambda walk: (walk.answer("a", Completed()), walk.answer("b", Completed())),
        CaseState.PARTLY_COMPLETED: lambda walk: (walk.answer("a", Completed()), walk.answer("b", REFUSED)),
        CaseState.REJECTED: lambda walk: (walk.answer("a", REFUSED), walk.decide("b", "reject")),
        CaseState.WITHDRAWN: lambda walk: walk.withdraw(),
    }
    walk = begin(make_bundle(make_member("a"), make_member("b", department="bank", after=["a"])))
    ways[state](walk)
    assert walk.case.state is state
    return walk


def test_every_command_is_somebodys_move_or_proves_otherwise_that_it_may() -> None:
    moved = {"RecordAnswer", "WorkAtDesk", "HandInSupplement", "DecideStep", "SendAgain", "Withdraw", "Erase"}
    moved |= {
        "Hear",
        "Urge",
        "DeferTolerance",
        "SignCommitment",
        "TakeCommitmentBack",
        "CheckCommitment",
        "Reapply",
        "AskOpinion",
        "GiveOpinion",
        "WithdrawOpinion",
    }
    of_what_was_asked = {"AnswerUrging", "GiveRating", "HandleRating"}
    by_the_engine = {"Open", "RecordAttempt", "RecordPoll", "FireTimer", "LetTimePass", "Reconcile"}
    by_those_who_look = {"NoteEmergencyAccess", "ConfirmWithdrawal"}
    by_their_way = {"DeliverResults"}  # of what an applicant wished for: tests/domain/test_delivery.py
    by_their_ticket = {"HandleTicket"}  # of what goes on in a case: tests/domain/test_tickets.py
    every = {command.__name__ for command in get_args(commands.Command)}
    by_their_limit = {"Extend"}  # it hangs on a limit that runs: tests/domain/test_limits.py
    by_the_engine |= {"TakeBackCarried"}  # what another case tells: tests/api/test_reapplications.py
    proved = by_the_engine | by_those_who_look | by_their_limit | by_their_ticket | by_their_way
    assert every - (moved | of_what_was_asked | proved) == set()


def test_the_table_leads_nowhere_that_the_table_of_states_does_not() -> None:
    for word in WORDS:
        move = moves.OF_STEP[word]
        assert move.of_results or not move.states & FINAL_STEP
    assert all(CASE_MOVES[state] for state in CaseState if state not in FINAL_CASE)


def test_whoever_is_refused_is_told_how_it_is_and_who_can_do_what() -> None:
    walk = in_state(S.SUSPENDED)
    with pytest.raises(MoveRefused) as refusal:
        walk.decide("card", "release")
    assert refusal.value.present == {"case": "in_progress", "step": "card", "state": "suspended"}
    assert refusal.value.allowed == [
        {"action": "resumed", "by": ["department"]},
        {"action": "ask_opinion", "by": ["department", "officer"]},
        {"action": "urge", "by": ["supervisor"]},
        {"action": "withdraw", "by": ["applicant"]},
    ]


# ---- a step that its department has lost


@pytest.mark.parametrize("state", [S.DISPATCHED, S.ACCEPTED])
def test_a_step_that_its_department_has_lost_is_held_and_sent_again_or_decided(state: StepState) -> None:
    walk = in_state(state)
    walk.decide("card", "hold")
    step = walk.step("card")
    assert (step.state, step.reason) == (S.HELD, "by a person")
    assert step.waiting is not None
    assert step.waiting.reason == "held_by_person"
    walk.decide("card", "release")
    assert (walk.step("card").state, walk.task("card").next_at) == (state, walk.now)


def test_an_accepted_step_that_was_held_and_released_goes_on_as_accepted() -> None:
    walk = in_state(S.ACCEPTED)
    clock = walk.step("card").timing.clock
    walk.decide("card", "hold")
    walk.decide("card", "release")
    step = walk.step("card")
    assert step.waiting is not None
    assert (step.waiting.reason, step.timing.clock) == ("being_decided", clock)
    assert walk.answer("card", Accepted()) == "unchanged"


def test_a_department_that_finds_a_held_step_again_still_decides_it() -> None:
    walk = in_state(S.ACCEPTED)
    walk.decide("card", "hold")
    walk.answer("card", Completed())
    assert walk.step("card").state is S.COMPLETED


def test_the_clock_runs_on_while_a_step_is_held() -> None:
    walk = in_state(S.ACCEPTED)
    before = walk.step("card").timing.clock
    walk.decide("card", "hold")
    assert walk.step("card").timing.clock == before
