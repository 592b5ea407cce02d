"""Whatever is done to a case once what was said in it is erased: nobody's words come into it any more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from types import UnionType
from typing import Any, get_args
from uuid import UUID

import pytest

from onenet.domain.carried import TakeBackCarried
from onenet.domain.case import WITHDRAWAL, MaterialGiven, Task
from onenet.domain.chain import canonical
from onenet.domain.commands import (
    AnswerUrging,
    AskHearing,
    CheckCommitment,
    Clerk,
    Command,
    ConfirmWithdrawal,
    DecideStep,
    DeferTolerance,
    DeliverResults,
    Erase,
    Extend,
    FireTimer,
    GiveRating,
    HandInSupplement,
    HandleRating,
    HandleTicket,
    Hear,
    LetTimePass,
    NoteEmergencyAccess,
    Open,
    Reapply,
    Reconcile,
    RecordAnswer,
    RecordAttempt,
    RecordPoll,
    SendAgain,
    SignCommitment,
    TakeCommitmentBack,
    Urge,
    Withdraw,
    WorkAtDesk,
)
from onenet.domain.opinion_acts import AskOpinion, GiveOpinion, WithdrawOpinion
from onenet.domain.outcome import (
    Accepted,
    Completed,
    Outcome,
    Received,
    Rejected,
    ResultGiven,
    SetHearing,
    TakenBack,
    TryLater,
    Unclear,
)
from onenet.domain.promises import Finding, Later, Signing
from onenet.domain.ratings import Act, Channel, Stage
from onenet.domain.retry import LONGEST_LIFE
from onenet.domain.states import CaseState
from onenet.domain.tickets import AnswerTicket
from onenet.errors import CaseErased, Conflict, NotFound, OnenetError, StaleWrite
from onenet.store.erasure import NOTHING_SAID
from tests.domain.walk import Walk, begin
from tests.factories import NOW, make_bundle, make_member, names

WORDS = "示例一 320599199201010024"
NOBODY = UUID(int=0)
CLERK = Clerk("officer:police/z-1")
GIVEN = Completed((ResultGiven("paper", WORDS, names(WORDS)),), WORDS)


def erased() -> Walk:
    """`done` was granted, `no` refused, `open` under way when the case was withdrawn: the bank is to be told.
    Then what was said was erased, as `store.erasure.shred` does.
    """
    walk = begin(
        make_bundle(
            make_member("done", department="health", results=["paper"]),
            make_member("no", department="police"),
            make_member("open", department="bank"),
        )
    )
    for code, outcome in (("done", GIVEN), ("no", Rejected("refused", WORDS)), ("open", Accepted(WORDS))):
        walk.attempt(code, Received())
        walk.answer(code, outcome)
    walk.withdraw()
    assert walk.case.state is CaseState.WITHDRAWN
    empty: dict[str, Any] = {"opinion": None, "reason": None, "results": (), "requests": (), "procedures": ()}
    walk.case = walk.case._replace(
        content=NOTHING_SAID,
        steps={code: step._replace(**empty) for code, step in walk.case.steps.items()},
        tasks={
            id: task._replace(payload=canonical({"task": str(id), "step": task.step}), reference=None)
            for id, task in walk.case.tasks.items()
        },
    )
    walk.events.clear()
    return walk


def notice(walk: Walk) -> Task:
    """By which the bank is told that the case was withdrawn."""
    (found,) = (task for task in walk.case.tasks.values() if task.kind == WITHDRAWAL)
    return found


def of(code: str, make: Callable[[UUID], Command]) -> Callable[[Walk], Command]:
    """The command about the task of that step."""
    return lambda walk: make(walk.task(code).id)


def told(outcome: Outcome) -> Callable[[Walk], Command]:
    """What comes of a worker's call about the notice, the last that is made."""

    def command(walk: Walk) -> Command:
        token = walk.claim_task(notice(walk))
        walk.now += LONGEST_LIFE
        return RecordAttempt(notice(walk).id, token, outcome)

    return command


def just(command: Command) -> Callable[[Walk], Command]:
    """The same, whatever the case is like."""
    return lambda walk: command


Become = str | type[OnenetError]

ALL: list[tuple[Callable[[Walk], Command], Become]] = [
    # What departments and workers still say of tasks and notices.
    (lambda walk: ConfirmWithdrawal(notice(walk).id, WORDS), "applied"),
    (lambda walk: RecordAnswer(notice(walk).id, Completed((), WORDS)), "applied"),
    (told(Completed((), WORDS)), "applied"),
    (told(Unclear(WORDS)), "applied"),
    (told(TryLater("permanent", WORDS)), "held"),
    (of("open", lambda id: RecordAttempt(id, NOBODY, Completed((), WORDS))), StaleWrite),
    (of("open", lambda id: RecordPoll(id, NOBODY, Completed((), WORDS))), StaleWrite),
    (of("open", lambda id: RecordAnswer(id, GIVEN)), "recorded-late"),
    (of("no", lambda id: RecordAnswer(id, Rejected("refused", WORDS))), "recorded-late"),
    (of("done", lambda id: RecordAnswer(id, TakenBack("revoked", WORDS))), "refused"),
    (of("done", lambda id: RecordAnswer(id, TakenBack("recalled", WORDS, ("paper",)))), "refused"),
    (of("done", lambda id: RecordAnswer(id, SetHearing(date(2026, 12, 3), WORDS))), "recorded-late"),
    (of("done", lambda id: WorkAtDesk(id, CLERK, TakenBack("revoked", WORDS))), NotFound),
    (of("open", lambda id: WorkAtDesk(id, CLERK, GIVEN)), NotFound),
    (just(TakeBackCarried("done", TakenBack("revoked", WORDS))), "unchanged"),
    (just(DeliverResults("done", WORDS, WORDS, WORDS)), Conflict),
    # What people of the office do.
    (lambda walk: SendAgain(notice(walk).id, WORDS), "applied"),
    (just(DecideStep("open", "reject", WORDS)), Conflict),
    (just(Extend("open", "statutory", 5, WORDS, WORDS)), Conflict),
    (just(Urge("open", "urging", WORDS, "supervisor:city")), Conflict),
    (just(AnswerUrging("open", 1, WORDS, "officer:bank/z-1")), NotFound),
    (just(AskOpinion("open", "police", names(WORDS), WORDS, "officer:bank/z-1")), Conflict),
    (just(GiveOpinion("open", NOBODY, "agree", WORDS, "officer:police/z-1")), NotFound),
    (just(WithdrawOpinion("open", NOBODY, WORDS)), NotFound),
    (just(DeferTolerance("open", Later("deed"), "officer:bank/z-1", WORDS)), NotFound),
    (just(CheckCommitment("done", Finding("kept", WORDS, "officer:health/z-1"))), NotFound),
    (just(HandleRating(NOBODY, Act.CLASSIFY, WORDS)), NotFound),
    (just(HandleTicket(AnswerTicket("bank", WORDS))), NotFound),
    (just(NoteEmergencyAccess("officer:city/z-1", WORDS, NOW + timedelta(hours=4))), "applied"),
    (just(Erase("retention")), "applied"),
    # What applicants do.
    (just(HandInSupplement("open", (MaterialGiven("deed", WORDS),), {"name": WORDS})), Conflict),
    (just(Withdraw(WORDS)), Conflict),
    (just(Reapply("no", NOBODY)), CaseErased),
    (just(Hear("open", AskHearing(WORDS))), Conflict),
    (just(SignCommitment(Signing("open", "1", WORDS))), NotFound),
    (just(TakeCommitmentBack("open", WORDS)), NotFound),
    (just(GiveRating(Stage.CLOSING, 5, Channel.PC, text=WORDS)), CaseErased),
    # What time does.
    (just(FireTimer(NOBODY)), "unchanged"),
    (just(LetTimePass()), "unchanged"),
    (just(Reconcile()), "unchanged"),
]
"""Every command but the first of a case, in each way in which words may come with it: what becomes of it."""


def kinds() -> set[type]:
    """Every kind of command that a case may be given once it is there."""
    flat = (get_args(each) if isinstance(each, UnionType) else (each,) for each in get_args(Command))
    return {kind for each in flat for kind in each} - {Open}


def test_every_kind_of_command_is_in_the_table() -> None:
    walk = erased()
    assert {type(make(walk)) for make, _ in ALL} == kinds()


@pytest.mark.parametrize("number", range(len(ALL)))
def test_no_word_comes_into_an_erased_case(number: int) -> None:
    make, becomes = ALL[number]
    walk = erased()
    command = make(walk)
    if isinstance(becomes, str):
        assert walk.tell(command) == becomes
    else:
        with pytest.raises(becomes):
            walk.tell(command)
    assert WORDS not in repr(walk.case)
    assert [event.type for event in walk.events if event.private or WORDS in event.data] == []
