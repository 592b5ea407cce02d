"""decide(case, command, now) -> Decision: the one place where a case changes. Pure: no I/O, no clock.

A command is applied to the step it speaks of, then steps that can go on are released, then the case follows
its steps. Each handler below reads in that order; what a handler does to other steps is in `flow`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch
from typing import Any

from onenet.domain import (
    agents,
    answers,
    attempts,
    beside,
    commitment,
    corrections,
    delivery,
    desk,
    dues,
    duplicates,
    ending,
    extensions,
    flow,
    grant,
    guidance,
    hearings,
    moves,
    opinions,
    polls,
    rating_handling,
    reapplications,
    stalls,
    ticket_handling,
    tolerance,
    unfolding,
    urging,
    withdrawals,
)
from onenet.domain.carried import TakeBackCarried
from onenet.domain.case import APPLICATION, OPINION, WITHDRAWAL, Case, Decision, Moment, Reply
from onenet.domain.commands import (
    AnswerUrging,
    ByApplicant,
    CheckCommitment,
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
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.opinion_acts import OpinionAct
from onenet.domain.states import (
    FINAL_STEP,
    CaseState,
    StepState,
    TaskState,
    TimerState,
)
from onenet.errors import CaseErased, NotFound, StaleWrite


def decide(case: Case, command: Command, now: Moment) -> Decision:
    """What becomes of the case under this command.

    Raises: Conflict, NotFound or StaleWrite when the command is not possible and leaves nothing on record.
    """
    draft = Draft(case, now)
    if isinstance(command, ByApplicant) and command.by_agent:
        agents.check_period(draft.content.agent, draft.today)
    reply = _apply(command, draft)
    flow.release(draft)
    flow.close(draft)
    grant.follow(draft)
    opinions.follow(draft)
    hearings.follow(draft)
    answers.follow(draft)
    flow.say_held(draft)
    dues.settle(draft)
    return draft.decision(reply)


@singledispatch
def _apply(command: Command, draft: Draft) -> Reply:
    raise TypeError(f"no such command: {type(command).__name__}")


@_apply.register
def _(command: Open, draft: Draft) -> Reply:
    if command.by_agent:
        applies = guidance.plan(draft.case.bundle, draft.content.answers).members
        given = {material.code for material in draft.content.materials}
        members = [draft.case.bundle.member(code) for code in applies]
        agents.check(draft.content.agent, members, given, draft.today)
    named = duplicates.check(command.others, draft.content.duplicate)
    if named is not draft.content.duplicate:
        draft.content = replace(draft.content, duplicate=named)
    flow.open_case(draft, by_agent=command.by_agent)
    tolerance.begin(draft, command.promised.undertakings)
    for signing in command.promised.commitments:
        if draft.steps[signing.step].state not in FINAL_STEP:
            commitment.sign(draft, signing)
    return "applied"


@_apply.register
def _(command: RecordAttempt, draft: Draft) -> Reply:
    task = draft.tasks.get(command.task_id)
    if task is None or task.lease_token != command.lease_token:
        raise StaleWrite("the lease of this task belongs to somebody else")
    outcome = command.outcome
    if task.kind == WITHDRAWAL:
        return withdrawals.record(draft, task, outcome)
    if task.kind == OPINION:
        return opinions.record(draft, task, outcome)
    return attempts.record(draft, task, outcome)


@_apply.register
def _(command: RecordPoll, draft: Draft) -> Reply:
    task = draft.tasks.get(command.task_id)
    if task is None or task.poll_token != command.poll_token:
        raise StaleWrite("the lease of this poll belongs to somebody else, or the department called back")
    return polls.record(draft, task, command.outcome)


@_apply.register
def _(command: RecordAnswer, draft: Draft) -> Reply:
    task = draft.tasks.get(command.task_id)
    if task is None:
        raise NotFound
    if task.kind == WITHDRAWAL:
        return withdrawals.answered(draft, task, command.outcome)
    if task.kind == OPINION:
        return opinions.answered(draft, task, command.outcome)
    return answers.apply(draft, command.task_id, command.outcome, command.seq)


@_apply.register
def _(command: HandInSupplement, draft: Draft) -> Reply:
    return corrections.hand_in(draft, command)


@_apply.register
def _(command: NoteEmergencyAccess, draft: Draft) -> Reply:
    until = command.until.isoformat()
    draft.add(EventType.ACCESS_GRANTED, by=command.by, reason=command.reason, until=until)
    return "applied"


@_apply.register
def _(command: Erase, draft: Draft) -> Reply:
    moves.check_case(draft, "erase", "only a closed case can be erased")
    draft.add(EventType.DATA_ERASED, basis=command.basis)
    return "applied"


@_apply.register
def _(command: Withdraw, draft: Draft) -> Reply:
    moves.check_case(draft, "withdraw", "the case is already closed")
    if command.step is not None:
        return ending.withdraw_step(draft, command.step)
    if command.subject is not None:
        return ending.withdraw_subject(draft, command.subject)
    ending.withdraw_steps(draft, list(draft.steps))
    ticket_handling.withdraw(draft)
    draft.move_case(CaseState.WITHDRAWN, command.reason)
    return "applied"


@_apply.register
def _(command: ConfirmWithdrawal, draft: Draft) -> Reply:
    task = draft.tasks.get(command.task_id)
    if task is None or task.kind != WITHDRAWAL:
        raise NotFound
    return withdrawals.confirm(draft, task, command.words)


@_apply.register
def _(command: Reapply, draft: Draft) -> Reply:
    if draft.content.is_erased:
        raise CaseErased
    codes = reapplications.members(draft.state, draft.case.bundle, draft.steps, command.step)
    if command.standing not in (None, reapplications.standing(draft.steps)):
        raise StaleWrite("what was issued in the case has changed meanwhile")
    ending.apply_again(draft, codes, command.case_id)
    return "applied"


@_apply.register
def _(command: TakeBackCarried, draft: Draft) -> Reply:
    return answers.take_back_carried(draft, command)


@_apply.register
def _(command: FireTimer, draft: Draft) -> Reply:
    timer = draft.timers.get(command.timer_id)
    if timer is None or timer.state is not TimerState.PENDING or timer.due_at > draft.now.at:
        return "unchanged"
    draft.put_timer(timer._replace(state=TimerState.FIRED))
    return "applied"


@_apply.register
def _(command: LetTimePass, draft: Draft) -> Reply:
    return dues.let_pass(draft)


@_apply.register
def _(command: Extend, draft: Draft) -> Reply:
    return extensions.extend(draft, command)


@_apply.register
def _(command: DecideStep, draft: Draft) -> Reply:
    step = draft.steps.get(command.step)
    if step is None:
        raise NotFound
    moves.check_step(draft, step, command.action, f"a step that is {step.state.value} takes no such decision")
    without: dict[str, Any] = {"without_opinions": command.without_opinions}
    if command.action in ("complete", "reject"):
        opinions.check_said(draft, step, command)
    match command.action:
        case "hold":
            flow.hold(draft, step.code, "held_by_person", command.reason)
        case "release":
            flow.let_go_on(draft, step.code, command.reason)
        case "complete":
            results = unfolding.issued(draft.case.bundle, step.code, command.results)
            ending.end_step(draft, step.code, StepState.COMPLETED, command.reason, results, **without)
        case "reject":
            ending.end_step(draft, step.code, StepState.REJECTED, command.reason, **without)
        case "skip":
            ending.end_step(draft, step.code, StepState.SKIPPED, command.reason)
        case "cancel":
            ending.end_step(draft, step.code, StepState.CANCELLED, command.reason)
    return "applied"


@_apply.register
def _(command: Hear, draft: Draft) -> Reply:
    return hearings.hear(draft, command)


@_apply.register
def _(command: Urge, draft: Draft) -> Reply:
    return urging.urge(draft, command)


@_apply.register
def _(command: AnswerUrging, draft: Draft) -> Reply:
    return urging.answer(draft, command)


@_apply.register
def _(command: OpinionAct, draft: Draft) -> Reply:
    return opinions.take(draft, command)


@_apply.register
def _(command: DeferTolerance, draft: Draft) -> Reply:
    tolerance.defer(draft, command.step, command.later, by=command.by, reason=command.reason)
    return "applied"


@_apply.register
def _(command: SignCommitment, draft: Draft) -> Reply:
    commitment.sign(draft, command.signing)
    return "applied"


@_apply.register
def _(command: TakeCommitmentBack, draft: Draft) -> Reply:
    commitment.take_back(draft, command.step, command.reason)
    return "applied"


@_apply.register
def _(command: CheckCommitment, draft: Draft) -> Reply:
    commitment.check(draft, command.step, command.finding)
    return "applied"


@_apply.register
def _(command: DeliverResults, draft: Draft) -> Reply:
    delivery.deliver(draft, command)
    return "applied"


@_apply.register
def _(command: WorkAtDesk, draft: Draft) -> Reply:
    return desk.work(draft, command)


@_apply.register
def _(command: GiveRating, draft: Draft) -> Reply:
    return rating_handling.give(draft, command)


@_apply.register
def _(command: HandleRating, draft: Draft) -> Reply:
    return rating_handling.handle(draft, command)


@_apply.register
def _(command: HandleTicket, draft: Draft) -> Reply:
    return ticket_handling.handle(draft, command.act)


@_apply.register
def _(command: SendAgain, draft: Draft) -> Reply:
    task = draft.tasks.get(command.task_id)
    if task is None:
        raise NotFound
    step = draft.steps[task.step]
    if task.kind != APPLICATION:
        if beside.again(draft, task, command.trigger):
            return "applied"
        raise moves.refused(f"the task is {task.state.value}: nothing is to be sent", draft, step)
    if step.state is StepState.HELD and task.state in (TaskState.SENT, TaskState.HELD):
        flow.let_go_on(draft, step.code, command.reason, command.trigger)
    elif step.state in (StepState.DISPATCHED, StepState.ACCEPTED) and task.state is TaskState.SENT:
        flow.send_again(draft, task, command.trigger)
    elif task.state is TaskState.PENDING and task.next_at is not None and task.fetch_at is None:
        draft.tasks[task.id] = task._replace(next_at=draft.now.machine_at, trigger=command.trigger)
    else:
        raise moves.refused(f"the task is {task.state.value}: nothing is to be sent", draft, step)
    return "applied"


@_apply.register
def _(command: Reconcile, draft: Draft) -> Reply:
    return "applied" if stalls.mend(draft) else "unchanged"
