"""The question of an opinion is a task for who is asked: delivered as tasks are, and no way to the case."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from onenet.domain.case import OPINION, Task
from onenet.domain.commands import Clerk, RecordAnswer, RecordAttempt, SendAgain, TakeUp, WorkAtDesk
from onenet.domain.flow import with_department
from onenet.domain.machine import decide
from onenet.domain.opinion_acts import AskOpinion, WithdrawOpinion
from onenet.domain.outcome import (
    Accepted,
    AtDesk,
    Completed,
    Offered,
    OpinionGiven,
    Outcome,
    Received,
    ResultGiven,
    TryLater,
    Unclear,
)
from onenet.domain.procedures import Opinion
from onenet.domain.retry import LONGEST_LIFE
from onenet.domain.stalls import stalls
from onenet.domain.states import StepState, TaskState
from onenet.domain.unreachable import is_on_its_way
from onenet.errors import MoveRefused, NotFound, StaleWrite
from onenet.ids import to_text
from tests.domain.test_opinions import STEP, accepted, ask, give, opinions
from tests.domain.walk import Walk, begin
from tests.factories import make_bundle, make_member, moment, names

AGREED = OpinionGiven("agree_with_conditions", "as registered")
GONE = TryLater("gone", "410")
ANOTHER = AskOpinion(STEP, "bank", names("银行"), "?", "officer:police/z-1")
"""Another question in the same step, for which its tasks are looked at."""


def question(walk: Walk) -> Task:
    """The task of the opinion that was asked last."""
    return walk.case.tasks[opinions(walk)[-1].id]


def told(walk: Walk, outcome: Outcome) -> str:
    """A worker hands the question out, and records what came of it."""
    task = question(walk)
    assert task.next_at is not None
    walk.now = max(walk.now, task.next_at)
    return walk.attempt_task(task, outcome)


def asked(walk: Walk, **changes: object) -> Opinion:
    """Asks, and the department has the question."""
    found = ask(walk, **changes)
    told(walk, Received())
    return found


# ---- what goes out


def test_who_is_asked_gets_one_task_under_the_id_of_the_opinion() -> None:
    walk = accepted()
    found = ask(walk)
    (task,) = [each for each in walk.case.tasks.values() if each.kind == OPINION]
    assert (task.id, task.department, task.state, task.next_at) == (
        found.id, "health", TaskState.PENDING, walk.now,
    )  # fmt: skip


def test_its_sheet_says_what_was_put_and_nothing_else_of_the_case() -> None:
    walk = accepted()
    found = ask(walk, fields=("address",), materials=("deed",))
    text = question(walk).payload
    sheet = json.loads(text)
    assert sheet.keys() == {
        *("task", "opinion", "created_at", "number", "item", "names", "asked_by", "question", "due_at"),
        *("fields", "materials"),
    }
    assert (sheet["task"], sheet["opinion"]) == (to_text("tsk", found.id), str(found.id))
    assert sheet["fields"] == {"address": "CANARY-address"}
    assert [each["code"] for each in sheet["materials"]] == ["deed"]
    hidden = (str(walk.case.id), "CANARY-income", walk.case.content.applicant.name, "S-1")
    assert [each for each in hidden if each in text] == []


def test_who_applies_is_told_where_that_was_put() -> None:
    walk = accepted()
    ask(walk, with_applicant=True)
    assert json.loads(question(walk).payload)["applicant"]["name"] == walk.case.content.applicant.name


# ---- how it is delivered


def test_a_try_that_failed_is_made_again_under_the_same_key_and_bytes() -> None:
    walk = accepted()
    ask(walk)
    before = question(walk)
    assert told(walk, TryLater("transient", "503")) == "applied"
    after = question(walk)
    assert (after.id, after.payload, after.state) == (before.id, before.payload, TaskState.PENDING)
    assert after.tries == 1


def test_one_that_cannot_be_delivered_is_held_in_sight_and_holds_nothing_else() -> None:
    walk = accepted()
    found = ask(walk)
    assert told(walk, GONE) == "held"
    (event,) = [each for each in walk.events if each.type == "opinion.held"]
    assert event.content() == {"opinion_id": str(found.id), "department": "health", "reason": "410"}
    assert (question(walk).state, walk.step(STEP).state) == (TaskState.HELD, StepState.ACCEPTED)
    assert list(stalls(walk.case)) == []
    give(walk, found)
    assert question(walk).state is TaskState.DONE


def test_one_that_nobody_fetches_for_a_week_is_held() -> None:
    walk = accepted()
    ask(walk)
    told(walk, Offered())
    assert question(walk).fetch_at == walk.now
    walk.now += LONGEST_LIFE
    assert walk.attempt_task(question(walk), Offered()) == "held"


def test_a_person_has_what_is_held_sent_once_more() -> None:
    walk = accepted()
    found = ask(walk)
    told(walk, GONE)
    assert walk.tell(SendAgain(found.id, "mended")) == "applied"
    assert (question(walk).state, question(walk).next_at) == (TaskState.PENDING, walk.now)


def test_what_it_has_is_not_sent_again_and_its_step_is_left_alone() -> None:
    walk = accepted()
    found = asked(walk)
    walk.answer(STEP, Unclear("code 99"))
    with pytest.raises(MoveRefused):
        walk.tell(SendAgain(found.id, "?"))
    assert walk.step(STEP).state is StepState.HELD


def test_where_it_is_left_to_be_read_it_waits_for_the_answer() -> None:
    walk = accepted()
    found = ask(walk)
    assert told(walk, AtDesk()) == "applied"
    assert (question(walk).state, walk.step(STEP).desk_at) == (TaskState.SENT, None)
    give(walk, found)
    assert question(walk).state is TaskState.DONE


def test_a_question_keeps_no_task_of_its_department_back() -> None:
    bundle = make_bundle(
        make_member("first", department="police"),
        make_member("second", department="health", after=["first"]),
        make_member("third", department="police"),
    )
    walk = begin(bundle)
    walk.attempt("first", Received())
    walk.attempt("third", Received())
    walk.answer("third", Accepted())
    walk.tell(AskOpinion("third", "health", names("卫健"), "?", "officer:police/z-1"))
    walk.answer("first", Completed())
    assert walk.step("second").state is StepState.DISPATCHED


def test_its_step_waits_for_its_own_department_while_that_of_the_question_is_held_or_away() -> None:
    walk = accepted()
    ask(walk)
    before = walk.step(STEP).waiting
    held = replace(moment(walk.now), held=frozenset({"health", "bank"}))
    decision = decide(walk.case, ANOTHER, held)
    assert decision.case.steps[STEP].waiting == before
    assert not is_on_its_way(walk.case, walk.step(STEP)._replace(waiting=with_department("police")))


def test_a_question_is_no_task_of_the_desk_that_asked() -> None:
    walk = accepted()
    found = ask(walk)
    walk.case = walk.case._replace(
        steps={**walk.case.steps, STEP: walk.step(STEP)._replace(desk_at=walk.now)}
    )
    with pytest.raises(NotFound):
        walk.tell(WorkAtDesk(found.id, Clerk("officer:police/z-1"), TakeUp()))


# ---- the answer


def test_the_answer_to_its_task_gives_the_opinion() -> None:
    walk = accepted()
    found = asked(walk)
    assert walk.tell(RecordAnswer(found.id, AGREED)) == "applied"
    (given,) = opinions(walk)
    assert (given.state, given.answer, given.words, given.answered_by) == (
        "given", "agree_with_conditions", "as registered", "department:health",
    )  # fmt: skip
    assert question(walk).state is TaskState.DONE


def test_it_may_be_answered_at_once() -> None:
    walk = accepted()
    ask(walk)
    assert told(walk, AGREED) == "applied"
    assert (opinions(walk)[0].state, question(walk).state) == ("given", TaskState.DONE)


def test_what_is_answered_twice_is_on_record_and_changes_nothing() -> None:
    walk = accepted()
    found = asked(walk)
    walk.tell(RecordAnswer(found.id, AGREED))
    before = walk.case.steps
    assert walk.tell(RecordAnswer(found.id, OpinionGiven("disagree", "no"))) == "recorded-late"
    assert walk.case.steps == before
    assert walk.events[-1].type == "answer.late"


def test_of_the_page_and_the_callback_the_first_counts() -> None:
    walk = accepted()
    found = asked(walk)
    give(walk, found)
    assert walk.tell(RecordAnswer(found.id, AGREED)) == "recorded-late"
    assert opinions(walk)[0].answer == "agree"


@pytest.mark.parametrize("said", [Accepted(), Completed((ResultGiven("paper", "P-1"),)), Unclear("code 99")])
def test_an_answer_that_is_no_opinion_changes_nothing(said: Outcome) -> None:
    walk = accepted()
    found = asked(walk)
    before = walk.case.steps
    assert walk.tell(RecordAnswer(found.id, said)) == "refused"
    assert (walk.case.steps, question(walk).state) == (before, TaskState.SENT)
    assert walk.events[-1].type == "answer.refused"


@pytest.mark.parametrize("said", [Accepted(), Unclear("code 99")])
def test_one_that_is_no_opinion_and_comes_at_once_is_held_in_sight_as_nobody_can_be_told(
    said: Outcome,
) -> None:
    walk = accepted()
    ask(walk)
    before = walk.case.steps
    assert told(walk, said) == "held"
    assert (walk.case.steps, question(walk).state) == (before, TaskState.HELD)
    assert (question(walk).held_reason, walk.events[-1].type) == ("unclear_answer", "opinion.held")
    assert walk.tell(RecordAnswer(question(walk).id, AGREED)) == "applied"


def test_an_opinion_is_no_answer_to_an_application() -> None:
    walk = accepted()
    assert walk.answer(STEP, AGREED) == "refused"
    assert walk.step(STEP).state is StepState.ACCEPTED


# ---- when it is not asked any more


def test_a_question_that_is_withdrawn_does_not_go_out_any_more() -> None:
    walk = accepted()
    found = ask(walk)
    token = walk.claim_task(question(walk))
    walk.tell(WithdrawOpinion(STEP, found.id, "found out"))
    assert (question(walk).state, question(walk).next_at) == (TaskState.WITHDRAWN, None)
    with pytest.raises(StaleWrite):
        walk.tell(RecordAttempt(found.id, token, AGREED))
    assert walk.tell(RecordAnswer(found.id, AGREED)) == "recorded-late"


def test_a_question_ends_with_its_step_and_nothing_of_the_case_is_told() -> None:
    walk = accepted()
    found = asked(walk)
    walk.withdraw()
    assert question(walk).state is TaskState.WITHDRAWN
    notices = [each for each in walk.case.tasks.values() if each.kind == "withdrawal"]
    assert [each.department for each in notices] == ["police"]
    assert walk.tell(RecordAnswer(found.id, AGREED)) == "recorded-late"
    assert list(stalls(walk.case)) == []
