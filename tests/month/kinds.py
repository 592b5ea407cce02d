"""What time does by itself, worked out anew: for each kind of `domain.dues`, when it ought to have happened.

By the story of one step, as the record tells it; days are counted one by one. Lights are in `lights`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from onenet.domain import dues
from onenet.domain.bundle import Bundle, Member
from onenet.domain.calendar import Calendar

OFFSET = timedelta(hours=8)
OF_TIME = "system:time"
ENDS = ("step.completed", "step.rejected", "step.cancelled", "step.skipped")
SAID = (*ENDS, "step.accepted", "step.supplement_needed", "step.held")
"""What ends an office's silence."""

Moment = tuple[datetime, int]
"""When something counts as done, and its place among what time does at the same moment; people come first."""

PEOPLE = -1


class Fact(NamedTuple):
    """An event."""

    case_id: UUID
    step: str | None
    type: str
    actor: str
    at: datetime
    data: Mapping[str, Any]
    kind: str | None = None
    moment: Moment = (datetime.max.replace(tzinfo=UTC), PEOPLE)


@dataclass(frozen=True)
class Place:
    """What the rules of a place say, as its catalogue has it: in working days, but of renewals in days."""

    urging: int = 2
    supervision: int = 5
    contact: int = 1
    renewal: int = 30
    delivery: int = 10
    ticket: int = 5
    tickets: Mapping[str, int] = field(default_factory=dict)


PLACES: Mapping[str, Place] = {
    "month": Place(
        urging=1, contact=2, renewal=10, delivery=4, ticket=4, tickets={"consultation": 1, "complaint": 6}
    )
}


@dataclass(frozen=True)
class Story:
    """The facts of a step, or of a case (`step` None), in their order; `now` is where the record ends.

    `expires_on`: the day on which the permit ends that is to be renewed. `about`: what a ticket is about;
    empty where the case is none. `tick`: how often somebody looks; zero: always.
    """

    facts: Sequence[Fact]
    bundle: Bundle
    step: str | None
    place: Place
    calendar: Calendar
    now: datetime
    expires_on: date | None = None
    about: str = ""
    tick: timedelta = timedelta()

    @property
    def member(self) -> Member:
        """The member of a step's story."""
        assert self.step is not None
        return self.bundle.member(self.step)

    def ends(self, since: date, number: int, *, days: bool = False) -> datetime:
        """The midnight after so many working days, or days."""
        return known(self.midnight(since, number, days=days))

    def midnight(
        self, since: date, number: int, paused: Paused = (), *, days: bool = False
    ) -> datetime | None:
        """The same of a clock that stood still; None while it does."""
        day, left = since, number
        while left:
            day += timedelta(days=1)
            if any(begun <= day and until is None for begun, until in paused):
                return None
            if any(until is not None and begun <= day < until for begun, until in paused):
                continue
            left -= days or self.calendar.day(day).is_workday
        return end_of(day)

    def look(self, at: datetime) -> datetime:
        """When somebody looks next, then or later: as a day begins, and every tick from then on."""
        begins = end_of(local(at)) - timedelta(days=1)
        return begins - (begins - at) // self.tick * self.tick if self.tick else at

    def happens(self, at: datetime, kind: str, after: int, until: Iterable[str]) -> bool:
        """Whether it came to that before one of these followed the fact of that number."""
        stopped = next((each.moment for each in self.facts[after + 1 :] if each.type in until), None)
        return at <= self.now and (stopped is None or (at, rank(kind)) <= stopped)


Paused = Sequence[tuple[date, date | None]]
"""Days from and until which a clock stood still; None: it does."""


def known(at: datetime | None) -> datetime:
    """The moment, of a clock that does not stand still."""
    assert at is not None
    return at


def local(at: datetime) -> date:
    """The day there."""
    return (at + OFFSET).date()


def end_of(day: date) -> datetime:
    """When it ends there."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1) - OFFSET


def rank(kind: str) -> int:
    """The place of a kind among what is due at the same moment: in the order of the tables."""
    order = [*dues.KINDS]
    return order.index(kind) if kind in order else len(order)


CASE_LIGHT = 99
"""What is due to a case comes after what is due to its steps."""


# ---- one a kind


def notice(story: Story) -> Iterator[datetime]:
    """Five working days without a word about a licence, from the receipt of all that was asked for."""
    received = {"step.dispatched", "step.supplemented"}
    for n, fact in enumerate(story.facts):
        if fact.type == "step.accepted" or story.member.item_type != "01":
            return
        if fact.type not in received:
            continue
        received = {"step.supplemented"}
        at = story.ends(local(fact.at), 5)
        if story.happens(at, "notice", n, SAID):
            yield at


def renewal(story: Story) -> Iterator[datetime]:
    """The certificate expires while the office has what was applied for in time."""
    if story.member.renews is None or story.expires_on is None:
        return
    at, is_with_office = end_of(story.expires_on), False
    if local(story.facts[0].at) + timedelta(days=story.place.renewal) > story.expires_on:
        return
    for fact in story.facts:
        if fact.moment > (at, rank("renewal")) or (fact.kind == "renewal" and fact.moment[0] == at):
            break
        if fact.type in _STATES:
            is_with_office = fact.type in _WITH_OFFICE
    if is_with_office and at <= story.now:
        yield at


_WITH_OFFICE = ("step.dispatched", "step.accepted", "step.suspended", "step.resumed", "step.supplemented")
_STATES = (*_WITH_OFFICE, *ENDS, "step.supplement_needed", "step.held")


def _asked(story: Story) -> Iterator[tuple[int, datetime]]:
    for n, fact in enumerate(story.facts):
        if fact.type == "step.supplement_needed":
            yield n, datetime.fromisoformat(fact.data["waiting"]["until"])


def reminder(story: Story) -> Iterator[datetime]:
    """As the last three working days begin, for whoever has more."""
    for n, ends in _asked(story):
        day, left = local(ends), 3
        while left:
            day -= timedelta(days=1)
            left -= story.calendar.day(day).is_workday
        at = end_of(day) - timedelta(days=1)
        if at > story.facts[n].at and story.happens(at, "reminder", n, (*ENDS, "step.supplemented")):
            yield at


def supplement(story: Story) -> Iterator[datetime]:
    """The day that was named is over."""
    for n, ends in _asked(story):
        if story.happens(ends, "supplement", n, (*ENDS, "step.supplemented")):
            yield ends


def check(story: Story) -> Iterator[datetime]:
    """Nobody looked by that day; or what was found broken was not seen repaired by its own."""
    for n, fact in enumerate(story.facts):
        is_broken = fact.type == "step.checked" and fact.data["finding"] == "broken"
        if fact.type == "step.check_planned" or is_broken:
            at = end_of(date.fromisoformat(fact.data["until"]))
            if fact.type == "step.check_planned" and (terms := story.member.commitment):
                assert at == story.ends(local(fact.at), terms.check.number)
            if story.happens(at, "check", n, ("step.checked",)):
                yield at


def tolerance(story: Story) -> Iterator[datetime]:
    """The first of the days by which a material was to follow is over; once for each such day."""
    awaited: dict[str, datetime] = {}
    for fact, after in zip(story.facts, [*story.facts[1:], None], strict=True):
        if fact.type == "step.tolerated":
            awaited = {code: end_of(date.fromisoformat(day)) for code, day in fact.data["days"].items()}
        elif fact.type == "step.tolerance_deferred":
            awaited |= dict.fromkeys(fact.data["codes"], end_of(date.fromisoformat(fact.data["until"])))
        elif fact.type == "step.made_good":
            awaited = {code: at for code, at in awaited.items() if code not in fact.data["codes"]}
        elif fact.type in ENDS:
            return
        at = min(awaited.values(), default=None)
        if at and at <= story.now and (after is None or (at, rank("tolerance")) <= after.moment):
            yield at
            awaited = {code: each for code, each in awaited.items() if each > at}


def hearing_right(story: Story) -> Iterator[datetime]:
    """Five working days after it was told nobody has asked."""
    for n, fact in enumerate(story.facts):
        if fact.type == "hearing.told":
            at = story.ends(local(fact.at), 5)
            if story.happens(at, "hearing_right", n, (*ENDS, "hearing.asked", "hearing.waived")):
                yield at


def special_procedure(story: Story) -> Iterator[datetime]:
    """It takes longer than was said."""
    for n, fact in enumerate(story.facts):
        if fact.type == "step.suspended" and fact.data.get("expected"):
            at = story.ends(local(fact.at), fact.data["expected"]["number"])
            if story.happens(at, "special_procedure", n, (*ENDS, "step.resumed")):
                yield at


def urging(story: Story) -> Iterator[datetime]:
    """An urging is not answered in the days of the place."""
    for n, fact in enumerate(story.facts):
        if fact.type != "step.urged":
            continue
        is_first = fact.data["level"] == "urging"
        at = story.ends(local(fact.at), story.place.urging if is_first else story.place.supervision)
        answers = (
            each.moment
            for each in story.facts[n:]
            if each.type == "step.urging_answered" and each.data["urging"] == fact.data["urging"]
        )
        answered = next(answers, None)
        if (answered is None or (at, rank("urging")) < answered) and story.happens(at, "urging", n, ENDS):
            yield at


def opinion(story: Story) -> Iterator[datetime]:
    """Another department does not say what it thinks in five working days."""
    for n, fact in enumerate(story.facts):
        if fact.type == "opinion.asked":
            ended = (
                each.moment
                for each in story.facts[n + 1 :]
                if each.type in _OPINION_ENDS and each.data["opinion_id"] == fact.data["opinion_id"]
            )
            at, end = story.ends(local(fact.at), 5), next(ended, None)
            if (end is None or (at, rank("opinion")) < end) and story.happens(at, "opinion", n, ENDS):
                yield at


_OPINION_ENDS = ("opinion.given", "opinion.withdrawn", "opinion.ended")


def delivery(story: Story) -> Iterator[datetime]:
    """What is fetched, or brought, is not handed over in the days of the place."""
    for n, fact in enumerate(story.facts):
        if fact.type == "result.delivery_due":
            at = story.ends(local(fact.at), story.place.delivery)
            if story.happens(at, "result_delivery", n, _HANDED_OVER):
                yield at


_HANDED_OVER = ("result.delivered", "result.revoked", "result.recalled")
