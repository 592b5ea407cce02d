"""Commands: everything that asks for a change of a case. Each goes through the gate to `decide`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from onenet.domain.carried import TakeBackCarried
from onenet.domain.case import MaterialGiven
from onenet.domain.duplicates import OpenCase
from onenet.domain.opinion_acts import OpinionAct
from onenet.domain.outcome import (
    Outcome,
    RecordHearing,
    ResultGiven,
    SetHearing,
    TellHearingRight,
    WhichLimit,
)
from onenet.domain.promises import NOTHING_PROMISED, Finding, Later, Promised, Signing
from onenet.domain.ratings import Act, Channel, Stage, Verdict
from onenet.domain.tickets import TicketAct


@dataclass(frozen=True, slots=True)
class Open:
    """Begin a case that was just put together: its first command.

    `promised`: what was signed with it. `others`: open cases of the same thing. `by_agent`: somebody applies
    in the applicant's place.
    """

    promised: Promised = NOTHING_PROMISED
    by_agent: bool = False
    others: tuple[OpenCase, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordAttempt:
    """A worker called a department. Refused unless `lease_token` still owns the task."""

    task_id: UUID
    lease_token: UUID
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class RecordPoll:
    """A worker asked a department what became of a task. Refused unless `poll_token` still owns the poll."""

    task_id: UUID
    poll_token: UUID
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class RecordAnswer:
    """A department called back. `seq` is its own count of answers to this task, if it keeps one."""

    task_id: UUID
    outcome: Outcome
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class HandInSupplement:
    """The applicant hands in what a step asked for: materials, corrected form fields, or both.

    `by_agent`: it is the agent that the application names who does.
    """

    step: str
    materials: tuple[MaterialGiven, ...]
    form: Mapping[str, Any]
    by_agent: bool = False


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The applicant takes the case back, one step of it where the bundle lets that be done, or one of several
    subjects.

    `by_agent`: as of a supplement.
    """

    reason: str | None = None
    step: str | None = None
    by_agent: bool = False
    subject: int | None = None


@dataclass(frozen=True, slots=True)
class ConfirmWithdrawal:
    """A person of the department has seen that a task is withdrawn, and what was to be undone is."""

    task_id: UUID
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Reapply:
    """The applicant applies again, in a case of that id, for a step that was rejected or cancelled.

    `by_agent`: as of a supplement. `standing`: what that case took to stand here; None: it does not say.
    """

    step: str
    case_id: UUID
    by_agent: bool = False
    standing: frozenset[tuple[str, str, str | None]] | None = None


@dataclass(frozen=True, slots=True)
class FireTimer:
    """A timer is due."""

    timer_id: UUID


@dataclass(frozen=True, slots=True)
class LetTimePass:
    """Something is due to the case by itself, or what its deadlines hang on has changed."""


@dataclass(frozen=True, slots=True)
class Extend:
    """Lengthen a limit of a step, or of the case where `step` is None, by `days` in the limit's unit.

    `approved_by`: the head of the body, or of the government (LIC art. 42); the applicant is told the reason.
    """

    step: str | None
    limit: WhichLimit
    days: int
    approved_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class DecideStep:
    """A person decides about a step that is held: let it go on, or close it.

    hold: stop one that its department has, and has lost. release: go on where it stopped. complete and
    reject: record an outcome for an offline step. skip: what depends on it may go on. cancel: it ends here.
    `results`: what was issued at the counter, with complete alone. `without_opinions`: why it is completed or
    rejected although opinions were asked that are not given.
    """

    step: str
    action: Literal["hold", "release", "complete", "reject", "skip", "cancel"]
    reason: str
    results: tuple[ResultGiven, ...] = ()
    without_opinions: str | None = None


@dataclass(frozen=True, slots=True)
class AskHearing:
    """The applicant asks for it."""

    reason: str | None = None
    action: ClassVar[str] = "ask_hearing"


@dataclass(frozen=True, slots=True)
class WaiveHearing:
    """The applicant does without it."""

    action: ClassVar[str] = "waive_hearing"


@dataclass(frozen=True, slots=True)
class Hear:
    """The hearing of a step goes one further. `by_agent`: as of a supplement."""

    step: str
    act: TellHearingRight | AskHearing | WaiveHearing | SetHearing | RecordHearing
    by_agent: bool = False


@dataclass(frozen=True, slots=True)
class Urge:
    """A supervisor tells the department of a step to act, and to answer."""

    step: str
    level: Literal["urging", "supervision"]
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class AnswerUrging:
    """The department says what it does about an urging."""

    step: str
    number: int
    answer: str
    by: str


@dataclass(frozen=True, slots=True)
class DeferTolerance:
    """An officer puts off the day by which a material is to follow: for force majeure, and only later."""

    step: str
    later: Later
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class SignCommitment:
    """The applicant signs the commitment of a step after the case was sent in.

    `by_agent`: as of a supplement.
    """

    signing: Signing
    by_agent: bool = False


@dataclass(frozen=True, slots=True)
class TakeCommitmentBack:
    """The applicant takes a commitment back: the step goes the ordinary way.

    `by_agent`: as of a supplement.
    """

    step: str
    reason: str | None = None
    by_agent: bool = False


@dataclass(frozen=True, slots=True)
class CheckCommitment:
    """An officer looked whether the commitment that a step was granted on is kept."""

    step: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class DeliverResults:
    """The department has handed the results of a step over, or given them to a carrier under a number."""

    step: str
    by: str
    carrier: str | None = None
    tracking_number: str | None = None


@dataclass(frozen=True, slots=True)
class Clerk:
    """Who works at a desk, by the name in the record. A supervisor may take a task from whoever has it."""

    name: str
    is_supervisor: bool = False


@dataclass(frozen=True, slots=True)
class TakeUp:
    """The clerk takes the task up; a supervisor takes it over, for a reason."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class HandOver:
    """The clerk who has the task gives it to another one of the department."""

    to: str
    reason: str


@dataclass(frozen=True, slots=True)
class PutBack:
    """The clerk who has the task lets it go: anybody of the department may take it up."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class WorkAtDesk:
    """A clerk does something with a task that lies at the department's desk, or answers it.

    `seen`: marks of the step (`desk.mark`), one of which must still be right; None: whatever it is like now.
    """

    task_id: UUID
    clerk: Clerk
    act: TakeUp | HandOver | PutBack | Outcome
    seen: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class GiveRating:
    """The applicant rates a stage of the case. `step`: what it speaks of; None: the case as a whole."""

    stage: Stage
    level: int
    channel: Channel
    is_named: bool = True
    step: str | None = None
    tags: tuple[str, ...] = ()
    text: str | None = None


@dataclass(frozen=True, slots=True)
class HandleRating:
    """The department or a supervisor does the next thing about a bad rating, for a reason that is on record.

    `verdict` goes with classify; `due_on`, a day promised for a complex repair, with repair.
    """

    rating: UUID
    act: Act
    reason: str
    verdict: Verdict | None = None
    due_on: date | None = None
    is_supervisor: bool = False


@dataclass(frozen=True, slots=True)
class HandleTicket:
    """Somebody does the next thing about a ticket; its time is lengthened as that of any case."""

    act: TicketAct


@dataclass(frozen=True, slots=True)
class NoteEmergencyAccess:
    """Somebody was let look at the case by break-glass: the owner is told, nothing else changes."""

    by: str
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Erase:
    """What was said in a closed case is about to be erased: that goes on record, nothing else changes."""

    basis: str


@dataclass(frozen=True, slots=True)
class SendAgain:
    """Send a task once more now, under its own key, whatever its schedule says: `trigger` tells who asks.

    It may be held, sent and not answered for good, or wait for its next try.
    """

    task_id: UUID
    reason: str
    trigger: str | None = None


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Look at the case again: what waits for nothing goes on, or is held. Changes nothing in a sound case."""


ByApplicant = HandInSupplement | Withdraw | Reapply | Hear | SignCommitment | TakeCommitmentBack
"""What an applicant does in a case that is open: an agent may as long as the mandate holds."""

Command = (
    Open
    | RecordAttempt
    | RecordPoll
    | RecordAnswer
    | HandInSupplement
    | Withdraw
    | ConfirmWithdrawal
    | Reapply
    | TakeBackCarried
    | FireTimer
    | LetTimePass
    | Extend
    | DecideStep
    | Hear
    | Urge
    | AnswerUrging
    | OpinionAct
    | DeferTolerance
    | SignCommitment
    | TakeCommitmentBack
    | CheckCommitment
    | DeliverResults
    | WorkAtDesk
    | GiveRating
    | HandleRating
    | HandleTicket
    | NoteEmergencyAccess
    | Erase
    | SendAgain
    | Reconcile
)
