"""Hotline tickets 12345: what one is, its words, and what can be done with it when, and by whom.

A citizen calls, the hotline dispatches, a lead unit 主办 answers, co-units 协办 give their part to it, the
hotline closes and calls back. What is unsolved then is reopened as a new round; the old one is kept. A unit
may return what is none of its business within 24 hours, with the reason; where the duty is disputed the
hotline names the unit, which may not return it any more. Source: WEI art. 20-27, ANY art. 49-50 (domain.md
section 12). The numbers of days and hours stand in `rules`.

A ticket is a case of a bundle without members, and this is what goes on in it (decision 0050).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, NamedTuple
from uuid import UUID

from onenet.domain.bundle import Bundle, Limit
from onenet.domain.clocks import Clock
from onenet.domain.states import Word

BUNDLE = Bundle(
    code="hotline_12345",
    version=0,
    names={"zh": "12345热线工单", "en": "Hotline ticket (12345)"},
    audience=(),
    lead="",
    jurisdictions=(),
    promised=Limit(5, "workdays"),
    statutory=None,
    questions=(),
    members=(),
    materials={},
    fields={},
    departments={},
)
"""What every ticket is a case of. It is offered nowhere, so nobody can apply for it; published versions begin
with 1. Each round says its own limit.
"""


class TicketKind(Word):
    """What the citizen wants. Source: 国办发〔2020〕53号."""

    CONSULTATION = "consultation"
    HELP = "help"
    COMPLAINT = "complaint"
    REPORT = "report"
    SUGGESTION = "suggestion"


class TicketState(Word):
    """Where the last round of a ticket stands."""

    RECEIVED = "received"
    DISPATCHED = "dispatched"
    RETURNED = "returned"
    ANSWERED = "answered"
    CLOSED = "closed"
    SOLVED = "solved"
    UNSOLVED = "unsolved"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"


TOLD = frozenset({TicketState.CLOSED, TicketState.SOLVED, TicketState.UNSOLVED, TicketState.ENDED})
"""Once the hotline has closed the round with it, the answer is the citizen's."""


class UnitState(Word):
    """How a unit stands with its part of a round: at work on it, done with it, or out of it."""

    AT_WORK = "at_work"
    DONE = "done"
    RETURNED = "returned"
    TAKEN_OFF = "taken_off"


SEES = frozenset({UnitState.AT_WORK, UnitState.DONE})
"""What lets a unit see the ticket: whoever returned it, or was taken off it, sees it no more."""

Part = Literal["lead", "co"]


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit's part of a round; a department that returned it and got it again has two.

    `is_named`: the duty was disputed and this one named, so it may not return it. `words`: what it said when
    it ended: the answer of the lead, the part of a co-unit, why it returned it. `is_late`: it had not ended
    when the time of the round was used up, which stays on record.
    """

    department: str
    part: Part
    state: UnitState
    assigned_at: datetime
    is_named: bool = False
    is_late: bool = False
    ended_at: datetime | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True)
class CallBack:
    """What the citizen said when called back."""

    at: datetime
    is_solved: bool
    is_satisfied: bool
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """One way through: from the dispatcher to the call-back. `reason`: why it was opened, of a later one.

    `began_at`: since when the present lead has it, which the `limit` is counted from; both None without one.
    `stopped_at`: when the time stopped to run.
    """

    at: datetime
    state: TicketState = TicketState.RECEIVED
    units: tuple[Unit, ...] = ()
    reason: str | None = None
    began_at: datetime | None = None
    limit: Limit | None = None
    stopped_at: datetime | None = None
    call_back: CallBack | None = None

    @property
    def clock(self) -> Clock | None:
        """The clock of its limit."""
        return Clock(self.began_at, ended_at=self.stopped_at) if self.began_at else None

    @property
    def at_work(self) -> tuple[Unit, ...]:
        """The units that have not ended their part."""
        return tuple(unit for unit in self.units if unit.state is UnitState.AT_WORK)

    def working(self, department: str) -> Unit | None:
        """This department's part, if it is at work on one."""
        return next((unit for unit in self.at_work if unit.department == department), None)

    @property
    def lead(self) -> Unit | None:
        """Who answers, or has answered."""
        return next((unit for unit in self.units if unit.part == "lead" and unit.state in SEES), None)

    @property
    def answer(self) -> str | None:
        """The lead's answer, as soon as it is the citizen's."""
        return self.lead.words if self.lead and self.state in TOLD else None


@dataclass(frozen=True, slots=True)
class Ticket:
    """What goes on in a case that is a ticket. `rounds`: the last one is under way, the others are kept.

    `reference`: the hotline's own number. `case`, `number`: the service case that it is about, if any.
    """

    kind: Literal["ticket"]
    reference: str
    about: TicketKind
    text: str
    rounds: tuple[Round, ...]
    place: str | None = None
    case: UUID | None = None
    number: str | None = None

    @property
    def round(self) -> Round:
        """The one under way, or the last one."""
        return self.rounds[-1]

    @property
    def state(self) -> TicketState:
        """Where it stands."""
        return self.round.state


def ticket_of(procedures: Iterable[object]) -> Ticket | None:
    """The ticket, where the case is one; none any more in one that was erased."""
    return next((each for each in procedures if isinstance(each, Ticket)), None)


def sees(ticket: Ticket, department: str) -> bool:
    """Whether the department has, or had, a part in it that it did not lose again."""
    return bool(rounds_of(ticket, department))


def rounds_of(ticket: Ticket, department: str) -> list[tuple[int, Round]]:
    """The rounds in which this department has a part that it did not lose again, by their numbers."""
    return [
        (number, each)
        for number, each in enumerate(ticket.rounds, 1)
        if any(unit.department == department and unit.state in SEES for unit in each.units)
    ]


def may_read(each: Round, unit: Unit, department: str) -> bool:
    """Whether the words of that unit are for this department: its own, the lead's; the lead reads all."""
    is_lead = each.lead is not None and each.lead.department == department
    return unit.state in SEES and (unit.department == department or unit.part == "lead" or is_lead)


class Act(Word):
    """What is done with a ticket."""

    DISPATCH = "dispatch"
    NAME = "name"
    EXTEND = "extend"
    RETURN = "return"
    GIVE_PART = "give_part"
    ANSWER = "answer"
    CLOSE = "close"
    CALL_BACK = "call_back"
    REOPEN = "reopen"
    END = "end"


By = Literal["hotline", "lead", "unit", "co_unit"]
_S = TicketState


class Move(NamedTuple):
    """In which states of the round it is possible, and for whom."""

    states: frozenset[TicketState]
    by: By


ACTS: Mapping[Act, Move] = {
    Act.DISPATCH: Move(frozenset({_S.RECEIVED, _S.RETURNED}), "hotline"),
    Act.NAME: Move(frozenset({_S.RETURNED}), "hotline"),
    Act.EXTEND: Move(frozenset({_S.DISPATCHED, _S.RETURNED}), "hotline"),
    Act.RETURN: Move(frozenset({_S.DISPATCHED, _S.RETURNED}), "unit"),
    Act.GIVE_PART: Move(frozenset({_S.DISPATCHED, _S.RETURNED}), "co_unit"),
    Act.ANSWER: Move(frozenset({_S.DISPATCHED}), "lead"),
    Act.CLOSE: Move(frozenset({_S.ANSWERED}), "hotline"),
    Act.CALL_BACK: Move(frozenset({_S.CLOSED}), "hotline"),
    Act.REOPEN: Move(frozenset({_S.UNSOLVED}), "hotline"),
    Act.END: Move(frozenset({_S.CLOSED, _S.UNSOLVED}), "hotline"),
}
"""What is in none of these rows is refused. The applicant may withdraw it as any open case; its
time is lengthened once in a round, while it runs (`limits.is_lengthenable`).
"""


def as_whom(ticket: Ticket, department: str) -> frozenset[By]:
    """As whom a department can do something in the round under way: nobody, once it has ended its part."""
    unit = ticket.round.working(department)
    if unit is None:
        return frozenset()
    own: By = "lead" if unit.part == "lead" else "co_unit"
    return frozenset({own} if unit.is_named else {own, "unit"})


# ---- what is said with each


@dataclass(frozen=True, slots=True)
class DispatchTicket:
    """The hotline gives a ticket to a lead unit and co-units; who has it and is not among them loses it.

    `is_named`: the duty was disputed, and who gets it now may not return it.
    """

    lead: str
    co_units: tuple[str, ...] = ()
    is_named: bool = False
    reason: str | None = None

    @property
    def action(self) -> Act:
        """Which act it is."""
        return Act.NAME if self.is_named else Act.DISPATCH


@dataclass(frozen=True, slots=True)
class ReturnTicket:
    """A unit returns a ticket that is not its duty, within the hours that the place allows."""

    department: str
    reason: str
    action: ClassVar[Act] = Act.RETURN


@dataclass(frozen=True, slots=True)
class GivePart:
    """A co-unit gives its part to the lead."""

    department: str
    words: str
    action: ClassVar[Act] = Act.GIVE_PART


@dataclass(frozen=True, slots=True)
class AnswerTicket:
    """The lead unit answers for all of them."""

    department: str
    words: str
    action: ClassVar[Act] = Act.ANSWER


@dataclass(frozen=True, slots=True)
class CloseTicket:
    """The hotline takes the answer over, for the citizen."""

    action: ClassVar[Act] = Act.CLOSE


@dataclass(frozen=True, slots=True)
class CallBackAbout:
    """The citizen was called back, and said whether it is solved, and is satisfied."""

    is_solved: bool
    is_satisfied: bool
    words: str | None = None
    action: ClassVar[Act] = Act.CALL_BACK


@dataclass(frozen=True, slots=True)
class ReopenTicket:
    """What is not solved is handled in a new round."""

    reason: str
    action: ClassVar[Act] = Act.REOPEN


@dataclass(frozen=True, slots=True)
class EndTicket:
    """The hotline ends it: nobody could be reached, or nothing more can be done."""

    reason: str
    action: ClassVar[Act] = Act.END


TicketAct = (
    DispatchTicket
    | ReturnTicket
    | GivePart
    | AnswerTicket
    | CloseTicket
    | CallBackAbout
    | ReopenTicket
    | EndTicket
)
