"""Lights, worked out anew: of each step and each case, when each ought to turn, by counting days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from onenet.domain.bundle import Limit
from tests.month.kinds import CASE_LIGHT, ENDS, PEOPLE, Fact, Paused, Story, known, local, rank

_MOVES = ("accepted", "suspended", "resumed", "supplement_needed", "supplemented", "dispatched", "held")
MOVES = tuple(f"step.{word}" for word in _MOVES)


_LIES_WITH = {
    **dict.fromkeys(("step.ready", "step.dispatched", "step.held", "step.supplemented"), "office"),
    "step.supplement_needed": "applicant",
}


@dataclass
class Ran:
    """How long a clock ran: since when, and when it did not. `longer`: what came on top of a limit."""

    started: datetime | None = None
    restarted: datetime | None = None
    paused: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    longer: dict[str, int] = field(default_factory=dict)
    has_ended: bool = False
    lies_with: str | None = None

    def hear(self, fact: Fact, *, restarts: bool) -> None:
        """What an event of the step says to it."""
        self.lies_with = _LIES_WITH.get(fact.type, self.lies_with)
        if fact.type == "step.released" and fact.data["state"] == "waiting":
            self.lies_with = None
        if fact.type == "step.extended":
            self.longer[fact.data["limit"]] = fact.data["days"]
        elif fact.type in ENDS:
            self.has_ended = True
            self.go_on(fact.at)
        elif self.started is None:
            if fact.type == "step.accepted":
                self.started = datetime.fromisoformat(fact.data["from"]) if "from" in fact.data else fact.at
        elif fact.type == "step.supplement_needed" or (
            # Of a special procedure the applicant is told for how long; without that no clock stands still.
            fact.type == "step.suspended" and fact.data["stops_clock"]
        ):
            self.paused.append((fact.at, None))
        elif fact.type in ("step.resumed", "step.supplemented", "step.accepted"):
            self.go_on(fact.at)
            if restarts and fact.type == "step.supplemented":
                self.restarted = fact.at

    def go_on(self, at: datetime) -> None:
        """It runs from then on."""
        if self.is_paused:
            self.paused[-1] = (self.paused[-1][0], at)

    @property
    def is_paused(self) -> bool:
        """Whether it stands still."""
        return bool(self.paused) and self.paused[-1][1] is None

    def turns(
        self, story: Story, promised: Limit | None, statutory: Limit | None
    ) -> tuple[datetime, datetime] | None:
        """When the limit that is used up first is about to be, a fifth before, and when it is."""
        if self.started is None or self.is_paused or self.has_ended:
            return None
        begun = self.restarted or self.started
        ends = []
        for which, limit in (("promised", promised), ("statutory", statutory)):
            if limit is None:
                continue
            left = -(-limit.number // 5)
            if limit.unit == "hours":
                stood = [until - since for since, until in self.paused if until and since >= begun]
                red = begun + timedelta(hours=limit.number) + sum(stood, timedelta())
                ends.append((red, red - timedelta(hours=limit.number / 5)))
                continue
            number, first, days = (
                limit.number + self.longer.get(which, 0),
                local(begun),
                limit.unit == "days",
            )
            paused: Paused = [(local(since), until and local(until)) for since, until in self.paused]
            both = [story.midnight(first, each, paused, days=days) for each in (number, number - left)]
            ends.append((known(both[0]), known(both[1])))
        # Where both end together, the one that was promised lights.
        return min(ends, key=lambda each: each[0])[::-1] if ends else None


def of_step(story: Story) -> Iterator[datetime]:
    """By the limits of the item; where one is longer now, or began anew, a light goes back at once."""
    member, light, ran, since = story.member, "green", Ran(), story.now
    for fact, after in pairs(story):
        ran.hear(fact, restarts=member.after_supplement == "restart")
        since, seen = (fact.at if fact.type in MOVES else since), fact.at
        turns = ran.turns(story, member.promised, member.statutory)
        while turns and not is_midway(fact, after):
            yellow, red = turns
            at = {
                "green": yellow,
                "yellow": red if yellow <= seen else seen,
                "red": None if red <= seen else seen,
            }[light]
            at = at and max(at, since)
            if at is None or at > story.now or (after and (at, rank("light")) > after.moment):
                break
            # A light that goes back is put back by the next look, which may find that it is on already again.
            goes_back = at == seen and (yellow if light == "yellow" else red) > seen
            at_look = story.look(at) if light != "green" and goes_back else at
            found = "red" if red <= at_look else "yellow" if yellow <= at_look else "green"
            seen, before, light = max(at_look, seen), light, found
            if light == before:
                continue
            yield at
            if after and after.kind == "light":
                break


def of_case(story: Story) -> Iterator[datetime]:
    """By the limits of the bundle, on a clock that stands still while some steps do and none runs. With its
    last step the case is over, whatever is due at that moment.
    """
    bundle, whole, light, is_open = story.bundle, Ran(), "green", False
    left = {code for code, state in story.facts[0].data["steps"].items() if f"step.{state}" not in ENDS}
    steps: dict[str, Ran] = {}
    changed_at = story.facts[0].at
    for fact, after in pairs(story):
        left -= {fact.step} if fact.type in ENDS else set()
        if not left:
            return
        light = fact.data["light"] if fact.type == "case.light" else light
        is_open |= fact.type == "case.accepted"
        if fact.step is not None:
            restarts = bundle.member(fact.step).after_supplement == "restart"
            steps.setdefault(fact.step, Ran()).hear(fact, restarts=restarts)
        elif fact.type == "case.extended":
            whole.longer[fact.data["limit"]] = fact.data["days"]
        if is_open and _join(whole, list(steps.values()), fact.at):
            changed_at = fact.at
        turns = whole.turns(story, bundle.promised, bundle.statutory)
        while is_open and turns and light != "red" and not is_midway(fact, after):
            at = turns[light == "yellow"]
            # What has passed already when the clock begins, or goes on, is shown at once.
            if at <= changed_at or at > story.now or (after and (at, CASE_LIGHT) > after.moment):
                break
            yield at
            light = "red" if turns[1] <= at else "yellow"
            if after and after.type == "case.light":
                break


def pairs(story: Story) -> Iterator[tuple[Fact, Fact | None]]:
    """Each fact, and the one after it."""
    return zip(story.facts, [*story.facts[1:], None], strict=True)


def is_midway(fact: Fact, after: Fact | None) -> bool:
    """Whether somebody did both at once."""
    return after is not None and after.at == fact.at and PEOPLE in (fact.moment[1], after.moment[1])


def _join(whole: Ran, steps: Sequence[Ran], at: datetime) -> bool:
    """Sets the clock of the case by those of its steps; whether that changed it.

    What is decided on the spot is accepted by that, though no clock of a step ran: that of the case does.
    """
    before = (whole.started, list(whole.paused))
    whole.started = min([each.started for each in (whole, *steps) if each.started], default=at)
    stand = [each.is_paused for each in steps if each.started and not each.has_ended]
    # What is not accepted yet has no clock: that of the whole stands still where the applicant alone can act.
    lie = {each.lies_with for each in steps if not each.started and not each.has_ended}
    if not (all(stand) if stand else "applicant" in lie and "office" not in lie):
        whole.go_on(at)
    elif not whole.is_paused:
        whole.paused.append((at, None))
    return (whole.started, whole.paused) != before
