"""Hotline tickets in the month: what the hotline and the units do, and when a round ought to be late.

As elsewhere here, what happened is counted anew from the record alone, with days one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from onenet.domain.bundle import Limit
from onenet.domain.case import Applicant, Case
from onenet.domain.commands import Command, Extend, HandleTicket, Withdraw
from onenet.domain.states import FINAL_CASE
from onenet.domain.tickets import (
    BUNDLE,
    AnswerTicket,
    CallBackAbout,
    CloseTicket,
    DispatchTicket,
    EndTicket,
    GivePart,
    ReopenTicket,
    ReturnTicket,
    Ticket,
    TicketKind,
    TicketState,
    Unit,
)
from onenet.services.tickets import Filed
from tests.month.kinds import CASE_LIGHT, Fact, Story, local
from tests.month.lights import Ran, is_midway, pairs
from tests.month.people import Now, Planned

CODE = BUNDLE.code
UNITS = ("market", "fire", "urban", "tobacco")


def filed(serial: int, now: Now) -> Filed:
    """What somebody told the hotline."""
    about = now.random.choice([*TicketKind])
    caller = Applicant("示例一", "natural_person", "", "", "10000000001")
    return Filed(
        "month", f"s-{serial}", f"{local(now.at):%Y%m%d}{serial:06d}", "month", about, "it is dark", caller
    )


# ---- what people will do


Draw = Callable[[float, float], float]


def when(ticket: Ticket, draw: Draw) -> Iterator[Planned]:
    """What will be done about it, as it stands."""
    yield from _PLANS.get(ticket.state, _nothing)(draw)


def _nothing(draw: Draw) -> Iterator[Planned]:
    yield from ()


def _dispatched(draw: Draw) -> Iterator[Planned]:
    """Some return it, in time or not; some have more days; most answer in time, and not all do."""
    for what, share, latest in (("return", 0.25, 1.5), ("extend_ticket", 0.2, 3), ("withdraw", 0.03, 9)):
        if draw(0, 1) < share:
            yield Planned(what, draw(0.1, latest))
    for _ in range(2):
        yield Planned("give_part", draw(0.2, 7))
    if draw(0, 1) < 0.9:
        yield Planned("answer", draw(0.5, 4) if draw(0, 1) < 0.6 else draw(4, 16))


def _returned(draw: Draw) -> Iterator[Planned]:
    yield Planned(
        "name" if draw(0, 1) < 0.3 else "dispatch", draw(0.1, 6) if draw(0, 1) < 0.2 else draw(0.1, 1)
    )


def _unsolved(draw: Draw) -> Iterator[Planned]:
    yield Planned("reopen" if draw(0, 1) < 0.7 else "end", draw(0.1, 1))


_PLANS: Mapping[TicketState, Callable[[Draw], Iterator[Planned]]] = {
    TicketState.RECEIVED: lambda draw: iter([Planned("dispatch", draw(0.05, 1))]),
    TicketState.DISPATCHED: _dispatched,
    TicketState.RETURNED: _returned,
    TicketState.ANSWERED: lambda draw: iter([Planned("close", draw(0.1, 1))]),
    TicketState.CLOSED: lambda draw: iter([Planned("call_back", draw(0.1, 2))]),
    TicketState.UNSOLVED: _unsolved,
}


# ---- what each deed is


Deed = Callable[[Case, Ticket, Now], Command | None]


def _dispatch(*, is_named: bool) -> Deed:
    def dispatch(case: Case, ticket: Ticket, now: Now) -> Command:
        lead, *others = now.random.sample(UNITS, now.random.choice((1, 2, 3)))
        reason = "it is its duty" if is_named else None
        return HandleTicket(DispatchTicket(lead, tuple(others), is_named, reason))

    return dispatch


def _unit(of: Callable[[Unit], ReturnTicket | GivePart | AnswerTicket], *parts: str) -> Deed:
    def does(case: Case, ticket: Ticket, now: Now) -> Command | None:
        able = [unit for unit in ticket.round.at_work if unit.part in parts]
        return HandleTicket(of(now.random.choice(able))) if able else None

    return does


def _call_back(case: Case, ticket: Ticket, now: Now) -> Command:
    is_solved = now.random.random() < 0.6
    return HandleTicket(CallBackAbout(is_solved, is_solved and now.random.random() < 0.8))


def _extend(case: Case, ticket: Ticket, now: Now) -> Command:
    return Extend(None, "promised", now.random.randrange(1, 6), "head", "much to do")


def _withdraw(case: Case, ticket: Ticket, now: Now) -> Command | None:
    return None if case.state in FINAL_CASE else Withdraw()


DEEDS: Mapping[str, Deed] = {
    "dispatch": _dispatch(is_named=False),
    "name": _dispatch(is_named=True),
    "return": _unit(lambda unit: ReturnTicket(unit.department, "not ours"), "lead", "co"),
    "give_part": _unit(lambda unit: GivePart(unit.department, "a part"), "co"),
    "answer": _unit(lambda unit: AnswerTicket(unit.department, "it is done"), "lead"),
    "close": lambda case, ticket, now: HandleTicket(CloseTicket()),
    "call_back": _call_back,
    "reopen": lambda case, ticket, now: HandleTicket(ReopenTicket("dark again")),
    "end": lambda case, ticket, now: HandleTicket(EndTicket("nobody can do more")),
    "extend_ticket": _extend,
    "withdraw": _withdraw,
}


# ---- worked out anew


@dataclass
class Turn:
    """A round as the record tells it: who is at work as what, since when its lead has it, how much longer."""

    clock: Ran = field(default_factory=Ran)
    at_work: dict[str, str] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)
    is_open: bool = True

    def hear(self, fact: Fact) -> None:
        """What an event says to it."""
        said = fact.data
        match fact.type:
            case "ticket.dispatched":
                self._dispatched(fact)
            case "ticket.returned":
                if self._ends(said["department"]) == "lead":
                    self.clock = Ran(longer=self.clock.longer)
            case "ticket.part_given":
                self._ends(said["department"])
            case "case.extended":
                self.clock.longer[said["limit"]] = said["days"]
            case "ticket.answered" | "ticket.ended" | "case.withdrawn":
                self.clock.has_ended = True
                self.is_open = False
            case _:
                pass

    def _dispatched(self, fact: Fact) -> None:
        for unit in fact.data["taken_off"]:
            self._ends(unit)
        for unit in fact.data["units"]:
            self.at_work[unit] = "lead" if unit == fact.data["lead"] else "co"
            if self.at_work[unit] == "lead":
                self.clock = Ran(fact.at, longer=self.clock.longer)

    def _ends(self, unit: str) -> str:
        self.late.discard(unit)
        return self.at_work.pop(unit)

    @property
    def in_time(self) -> set[str]:
        """Who is at work and was not late already."""
        return {*self.at_work} - self.late

    def turns(self, story: Story) -> tuple[datetime, datetime] | None:
        """When its limit is about to be used up, and when it is."""
        limit = story.place.tickets.get(story.about, story.place.ticket)
        return self.clock.turns(story, Limit(limit, "workdays"), None)


def late(story: Story) -> Iterator[datetime]:
    """The days of the round are over, and some units have not ended their part; once for each of them."""
    turn = Turn()
    for fact, after in pairs(story):
        turn = Turn() if fact.type == "ticket.reopened" else turn
        turn.hear(fact)
        turns = turn.turns(story)
        if not (turn.is_open and turns and turn.in_time) or is_midway(fact, after):
            continue
        # Who is given a part when the time is over already is late at once.
        at = max(turns[1], fact.at)
        if at <= story.now and (after is None or after.kind == "ticket" or (at, CASE_LIGHT) <= after.moment):
            yield at
            turn.late |= turn.in_time


def lights(story: Story) -> Iterator[datetime]:
    """By the limit of the round. A new lead has the whole time, and the light is green again."""
    turn, light = Turn(), "green"
    for fact, after in pairs(story):
        turn = Turn() if fact.type == "ticket.reopened" else turn
        turn.hear(fact)
        light = fact.data["light"] if fact.type == "case.light" else light
        turns = turn.turns(story)
        while turns and light != "red" and not is_midway(fact, after):
            at = turns[light == "yellow"]
            if at > story.now or (after and (at, CASE_LIGHT) > after.moment):
                break
            yield at
            light = "red" if turns[1] <= at else "yellow"
            if after and after.type == "case.light":
                break


# ---- figures


def parts_counted(found: Iterable[Fact]) -> Counter[tuple[str, str]]:
    """What units did with their parts, by department, from the record."""
    counted: Counter[tuple[str, str]] = Counter()
    for fact in found:
        said = fact.data
        match fact.type:
            case "ticket.dispatched":
                counted.update((unit, "assigned") for unit in said["units"])
            case "ticket.overdue":
                counted.update((unit, "late") for unit in said["units"])
            case "ticket.returned":
                counted[said["department"], "returned"] += 1
            case "ticket.part_given" | "ticket.answered":
                counted[said["department"], "done"] += 1
            case "ticket.called_back":
                counted[said["lead"], "solved" if said["is_solved"] else "unsolved"] += 1
                counted[said["lead"], "satisfied" if said["is_satisfied"] else "dissatisfied"] += 1
            case _:
                pass
    return counted
