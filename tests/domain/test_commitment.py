"""A commitment in place of a proof: who signs what, what it opens, and what comes of a broken one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from onenet.domain import commitment, guidance
from onenet.domain.bundle import Bundle, CommitmentTerms, Limit
from onenet.domain.case import Case, Decision, Moment
from onenet.domain.commands import (
    CheckCommitment,
    Command,
    DecideStep,
    LetTimePass,
    Open,
    RecordAnswer,
    SignCommitment,
    TakeCommitmentBack,
)
from onenet.domain.events import EventType
from onenet.domain.machine import decide
from onenet.domain.outcome import Accepted, Completed, Outcome, ResultGiven, Unclear
from onenet.domain.promises import Commitment, Finding, Promised, Signing
from onenet.domain.states import StepState
from onenet.errors import FormInvalid, MoveRefused
from tests.factories import make_blank, make_bundle, make_member, make_question

TERMS = CommitmentTerms("2026-1", {"zh": "符合条件", "en": "It meets the conditions"}, Limit(5, "workdays"))
THURSDAY = datetime(2026, 1, 29, 1, 0, tzinfo=UTC)
"""Nine in the morning there, on 29 January 2026."""
SIGNED = Signing("fire", "2026-1", "示例一")
GRANTED = Completed((ResultGiven("opinion", "F-1"),))


def end_of(on: date) -> datetime:
    """The midnight that ends the day there."""
    return datetime(on.year, on.month, on.day, 16, 0, tzinfo=UTC)


def venue() -> Bundle:
    """A fire check that may be granted on a commitment."""
    return make_bundle(replace(make_member("fire", results=["opinion"]), commitment=TERMS))


def two_ways() -> Bundle:
    """The same, beside the general way: the answer chooses."""
    by_commitment = make_member("fire", when="quick", alternative="way")
    return make_bundle(
        replace(by_commitment, commitment=TERMS),
        make_member("general", when="!quick", alternative="way"),
        questions=[make_question("quick")],
    )


def told(case: Case, command: Command, at: datetime = THURSDAY) -> Decision:
    """What comes of it then."""
    return decide(case, command, Moment(at, at))


def opened(*signings: Signing) -> Case:
    """A case that was received on that Thursday."""
    return told(make_blank(venue()), Open(Promised(commitments=signings))).case


def answered(case: Case, outcome: Outcome, at: datetime = THURSDAY) -> Case:
    """The case after the department answered its present task."""
    task = case.live_task("fire")
    assert task is not None
    return told(case, RecordAnswer(task.id, outcome), at).case


def found(case: Case, word: str, at: datetime, repair_due_on: date | None = None) -> Decision:
    """What comes of what an officer found."""
    finding = Finding(word, "现场核查", "officer:fire/o-1", repair_due_on)  # type: ignore[arg-type]  # one of the words
    return told(case, CheckCommitment("fire", finding), at)


def of(case: Case) -> Commitment:
    """How the commitment stands."""
    signed = commitment.of(case.steps["fire"])
    assert signed is not None
    return signed


def broken() -> Case:
    """Granted on a commitment that is broken, and to be repaired by Friday 6 February."""
    return found(answered(opened(SIGNED), GRANTED), "broken", THURSDAY, date(2026, 2, 6)).case


@pytest.mark.parametrize(
    ("bundle", "quick", "signings", "expected"),
    [
        (venue(), None, (SIGNED,), []),
        (venue(), None, (), []),  # nobody has to
        (two_ways(), True, (SIGNED,), []),
        (two_ways(), True, (), [("commitment_missing", "/commitments")]),
        (two_ways(), False, (), []),
        (two_ways(), False, (SIGNED,), [("no_commitment", "/commitments/0/step")]),
        (venue(), None, (SIGNED, SIGNED), [("no_commitment", "/commitments/1/step")]),
        (
            venue(),
            None,
            (replace(SIGNED, version="2025-9"),),
            [("text_version_unknown", "/commitments/0/text_version")],
        ),
    ],
)
def test_what_is_offered_may_be_signed_and_a_way_by_commitment_must(
    bundle: Bundle, quick: bool | None, signings: tuple[Signing, ...], expected: list[tuple[str, str]]
) -> None:
    plan = guidance.plan(bundle, {} if quick is None else {"quick": quick})
    assert [(each.code, each.pointer) for each in commitment.faults(bundle, plan, signings)] == expected


def test_the_department_is_told_which_text_was_signed() -> None:
    (task,) = opened(SIGNED).tasks.values()
    assert f'"text_sha256":"{TERMS.sha256}","text_version":"2026-1"' in task.payload
    (task,) = opened().tasks.values()
    assert '"commitment":null' in task.payload


def test_what_is_signed_later_comes_to_the_department_as_a_further_submission() -> None:
    case = told(answered(opened(), Accepted()), SignCommitment(SIGNED)).case
    task = case.live_task("fire")
    assert task is not None
    assert (task.submission, '"text_version":"2026-1"' in task.payload) == (2, True)
    assert of(case).signed.by == "示例一"


def test_another_version_of_the_text_is_not_signed() -> None:
    with pytest.raises(FormInvalid):
        told(opened(), SignCommitment(replace(SIGNED, version="2025-9")))


def test_a_commitment_that_is_taken_back_leaves_the_ordinary_way() -> None:
    case = told(answered(opened(SIGNED), Accepted()), TakeCommitmentBack("fire")).case
    task = case.live_task("fire")
    assert task is not None
    assert (case.steps["fire"].state, task.submission) == (StepState.ACCEPTED, 2)
    assert '"commitment":null' in task.payload
    granted = answered(case, GRANTED)
    assert (of(granted).state, granted.timing.next_due_at) == ("taken_back", None)


def test_it_is_not_taken_back_or_signed_after_the_decision() -> None:
    case = answered(opened(SIGNED), GRANTED)
    for command in (TakeCommitmentBack("fire"), SignCommitment(SIGNED)):
        with pytest.raises(MoveRefused) as refused:
            told(case, command)
        assert {"action": "check", "by": ["officer", "supervisor"]} in refused.value.allowed


def test_what_was_granted_on_it_is_looked_at_within_its_days() -> None:
    # Five working days after Thursday 29 January 2026: Fri 30 is 1, Mon 2 to Thu 5 February are 2 to 5.
    case = answered(opened(SIGNED), GRANTED)
    assert (of(case).state, of(case).check_due_on) == ("to_check", date(2026, 2, 5))
    assert case.timing.next_due_at == end_of(date(2026, 2, 5))
    kept = found(case, "kept", THURSDAY).case
    assert (of(kept).state, kept.timing.next_due_at) == ("kept", None)


def test_an_officer_who_records_the_grant_opens_the_check_too() -> None:
    held = answered(opened(SIGNED), Unclear("?"))
    case = told(held, DecideStep("fire", "complete", "granted by telephone")).case
    assert of(case).state == "to_check"


def test_a_check_that_nobody_made_is_said_once_and_may_still_be_made() -> None:
    decision = told(answered(opened(SIGNED), GRANTED), LetTimePass(), end_of(date(2026, 2, 5)))
    assert [event.type for event in decision.events] == [EventType.STEP_CHECK_OVERDUE]
    assert decision.events[0].data["due_at"] == end_of(date(2026, 2, 5)).isoformat()
    assert told(decision.case, LetTimePass(), end_of(date(2026, 3, 5))).events == ()
    assert of(found(decision.case, "kept", end_of(date(2026, 2, 9))).case).state == "kept"


def test_a_broken_one_is_repaired_or_what_was_granted_is_revoked() -> None:
    case = broken()
    assert of(case).awaited_on == date(2026, 2, 6)
    assert of(found(case, "repaired", end_of(date(2026, 2, 4))).case).state == "repaired"
    decision = found(case, "revoked", end_of(date(2026, 2, 6)))
    (result,) = decision.case.steps["fire"].results
    assert (result.state, result.state_reason) == ("revoked", "现场核查")
    assert decision.case.steps["fire"].state is StepState.COMPLETED
    assert EventType.RESULT_REVOKED in [event.type for event in decision.events]


def test_nothing_is_revoked_while_it_may_still_be_repaired() -> None:
    with pytest.raises(MoveRefused):
        found(broken(), "revoked", end_of(date(2026, 2, 6)) - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("word", "day"),
    [
        ("broken", None),
        ("broken", date(2026, 1, 29)),
        ("kept", date(2026, 2, 6)),
        ("broken", date(2200, 1, 1)),
    ],
)
def test_a_broken_one_alone_has_a_day_to_come_to_be_repaired_by(word: str, day: date | None) -> None:
    with pytest.raises(FormInvalid):
        found(answered(opened(SIGNED), GRANTED), word, THURSDAY, day)


@pytest.mark.parametrize("word", ["repaired", "revoked"])
def test_what_is_not_broken_is_not_repaired(word: str) -> None:
    with pytest.raises(MoveRefused):
        found(answered(opened(SIGNED), GRANTED), word, THURSDAY)


def test_what_is_signed_twice_is_refused() -> None:
    with pytest.raises(MoveRefused):
        told(opened(SIGNED), SignCommitment(SIGNED))
