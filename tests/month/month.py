"""A month of cases on a clock that ticks: applicants, offices of every kind, and time itself.

Everything goes through the real gate into a real database, the shipped catalogue with its calendar and rules.
Whoever answers when is drawn from one seed. `judge` looks only at the record, with a way of counting of its
own: days one by one, and no code of `domain.dues`.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select

from onenet.api.case_shapes import CaseSubmission
from onenet.clock import FrozenClock
from onenet.demo import samples
from onenet.domain.bundle import Limit, Member
from onenet.domain.calendar import Calendar
from onenet.domain.case import Case
from onenet.domain.commands import Command, GiveRating, HandInSupplement, HandleRating, RecordAnswer
from onenet.domain.outcome import (
    Accepted,
    Completed,
    Rejected,
    Resumed,
    SupplementNeeded,
    SupplementRequest,
    Suspended,
)
from onenet.domain.ratings import LAST_SATISFIED, Act, Channel, Stage, Verdict, ratings_of
from onenet.domain.states import FINAL_CASE, FINAL_STEP, StepState
from onenet.domain.visibility import EVERYTHING
from onenet.errors import Conflict, NotFound
from onenet.resources import example_catalogue_dir
from onenet.services import cases, catalogue, dues, steps
from onenet.services.advance import Gate
from onenet.services.cases import Replying
from onenet.services.catalogue import Catalogue
from onenet.services.change import Change
from onenet.store import ratings, supervision, tables
from onenet.store.database import Database

BEGINS = datetime(2026, 1, 25, 16, 0, tzinfo=UTC)
"""A Monday's first hour there: a month with the spring festival and two make-up Saturdays."""

DAYS = 35
LAST_ARRIVAL = BEGINS + timedelta(days=22)
OFFSET = timedelta(hours=8)
OPEN_HOURS = range(9, 17)
OF_TIME = "system:time"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def identity_number(serial: int) -> str:
    """The number of nobody: of an area that there is not, and with a check digit that is right."""
    body = f"320599{19600101 + serial // 1000 % 28}{serial % 1000:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


class Deed(NamedTuple):
    """What somebody will do, and when."""

    at: datetime
    serial: int
    case_id: UUID
    step: str
    what: str


@dataclass
class Month:
    """A month while it happens. `tick`: how often somebody looks what is due; `blind`: days on which nobody
    does, for the control.
    """

    database: Database
    number: int
    tick: timedelta = timedelta(hours=1)
    seed: int = 1
    blind: range = range(0)
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(BEGINS))
    deeds: list[Deed] = field(default_factory=list)
    opened: int = 0

    def __post_init__(self) -> None:
        """Nobody has applied yet."""
        self.random = random.Random(self.seed)
        self.catalogue = Catalogue(self.database)
        self.gate = Gate(self.database, self.catalogue.bundle, self.clock, self.clock, self.catalogue.rules)
        self._serials = itertools.count()
        self._rated: set[UUID] = set()
        self._planned: set[tuple[UUID, str, int]] = set()

    async def run(self) -> None:
        """Lets it happen."""
        await catalogue.publish(self.database, example_catalogue_dir(), self.clock)
        ticks = range(int(timedelta(days=DAYS) / self.tick))
        times = {n: BEGINS + n * self.tick for n in ticks}
        office = [n for n, at in times.items() if (at + OFFSET).hour in OPEN_HOURS and at < LAST_ARRIVAL]
        arrivals = Counter(self.random.choices(office, k=self.number))
        for n in ticks:
            if (times[n] - BEGINS).days not in self.blind:
                await self._let_pass()
            # Between two ticks: nobody does anything at the very moment at which a day ends.
            self.clock.advance(self.tick / 2)
            await self._apply(arrivals[n])
            await self._act()
            self.clock.advance(self.tick / 2)
        await self._let_pass()

    async def _let_pass(self) -> None:
        while await dues.let_pass(self.database, self.gate, self.clock, 500):
            pass
        while await steps.fire_timers(self.database, self.gate, self.clock, 500):
            pass

    async def _apply(self, count: int) -> None:
        async with asyncio.TaskGroup() as group:  # where one fails, no other goes on with a closed database
            made = [group.create_task(self._submit()) for _ in range(count)]
        for each in made:
            self._plan(each.result())

    async def _submit(self) -> Case:
        self.opened += 1
        bundle = samples.BUNDLES[self.opened % len(samples.BUNDLES)]
        said = samples.submission(samples.read(bundle)[0], (self.clock.now() + OFFSET).date())
        applied = CaseSubmission.model_validate_json(json.dumps(said)).to_submission()
        if applied.applicant.kind == "natural_person":
            nobody = replace(applied.applicant, id_no=identity_number(self.opened))
            applied = replace(applied, applicant=nobody)
        result = await cases.submit(
            self.gate,
            self.catalogue,
            applied,
            subject=f"s-{self.opened}",
            client="month",
            secret=f"secret-{self.opened}",
            replying=Replying(actor=f"frontend:month/s-{self.opened}"),
        )
        assert result.case is not None
        return result.case

    # ---- what people do

    def _plan(self, case: Case) -> None:
        """Draws what will be done about each task that is new, and whether the applicant rates the end."""
        if case.state in FINAL_CASE and case.id not in self._rated:
            self._rated.add(case.id)
            if self.random.random() < 0.5:
                self._later(case.id, next(iter(case.steps)), "rate", self.random.uniform(0.1, 3))
        for step in case.steps.values():
            key = (case.id, step.code, step.submission)
            if step.state is StepState.DISPATCHED and key not in self._planned:
                self._planned.add(key)
                self._plan_step(
                    case.id, step.code, is_licence=case.bundle.member(step.code).item_type == "01"
                )
            elif (
                step.state is StepState.SUPPLEMENT_NEEDED
                and (case.id, step.code, -step.submission) not in self._planned
            ):
                self._planned.add((case.id, step.code, -step.submission))
                if self.random.random() < 0.8:
                    self._later(case.id, step.code, "hand_in", self.random.uniform(0.2, 9))

    def _plan_step(self, case_id: UUID, step: str, *, is_licence: bool) -> None:
        """An office may be silent for long, most often about a licence; be late; ask; or stop."""
        draw = self.random.uniform
        silent = 0.3 if is_licence else 0.08
        accept = draw(8, 20) if self.random.random() < silent else draw(0.1, 4)
        decide = accept + (draw(5, 40) if self.random.random() < 0.13 else draw(0.1, 4))
        self._later(case_id, step, "accept", accept)
        if self.random.random() < 0.08:
            self._later(case_id, step, "ask", accept + 0.2)
        elif self.random.random() < 0.08:
            self._later(case_id, step, self.random.choice(("suspend", "stop")), accept + 0.2)
            stands = self.random.uniform(0.5, 12)
            self._later(case_id, step, "resume", accept + stands)
            decide += stands
        self._later(case_id, step, "refuse" if self.random.random() < 0.04 else "complete", decide)

    def _later(self, case_id: UUID, step: str, what: str, days: float) -> None:
        at = self.clock.now() + timedelta(days=days)
        heapq.heappush(self.deeds, Deed(at, next(self._serials), case_id, step, what))

    async def _act(self) -> None:
        """Does what people do this hour; one thing at a time of each case."""
        while self.deeds and self.deeds[0].at <= self.clock.now():
            now: dict[UUID, Deed] = {}
            while self.deeds and self.deeds[0].at <= self.clock.now() and self.deeds[0].case_id not in now:
                deed = heapq.heappop(self.deeds)
                now[deed.case_id] = deed
            for deed, case in zip(
                now.values(), await asyncio.gather(*map(self._do, now.values())), strict=True
            ):
                if case is not None:
                    self._plan(case)
                elif deed.what in ("complete", "refuse") and deed.at + timedelta(days=30) > self.clock.now():
                    self._again(deed)

    def _again(self, deed: Deed) -> None:
        """What was not possible yet is decided some days later."""
        later = Deed(self.clock.now() + timedelta(days=2), next(self._serials), *deed[2:])
        heapq.heappush(self.deeds, later)

    async def _do(self, deed: Deed) -> Case | None:
        case = await cases.get(self.database, self.catalogue, deed.case_id, EVERYTHING)
        step = case.steps[deed.step]
        if deed.what == "rate":
            await self._rate(case)
            return case
        if step.state in FINAL_STEP:
            return case
        command = self._command(case, deed)
        if command is None:
            return None
        try:
            result = await self.gate.submit(Change(case.id, command, f"department:{step.department}"))
        except (Conflict, NotFound):
            return None
        return result.case if result.reply != "refused" else None

    async def _rate(self, case: Case) -> None:
        """Gives one to five, mostly one; some of the bad ones are taken back on appeal."""
        level = self.random.choices((1, 2, 3, 4, 5), (60, 20, 10, 6, 4))[0]
        rating = GiveRating(Stage.CLOSING, level, Channel.MOBILE)
        result = await self.gate.submit(Change(case.id, rating, f"frontend:month/{case.subject}"))
        assert result.case is not None
        (given,) = ratings_of(result.case.content.procedures)
        if level <= LAST_SATISFIED or self.random.random() < 0.5:
            return
        for act, verdict in ((Act.CLASSIFY, Verdict.MISTAKEN), (Act.APPEAL, None), (Act.REMOVE, None)):
            is_supervisor = act is Act.REMOVE
            handled = HandleRating(given.id, act, "meant for another", verdict, is_supervisor=is_supervisor)
            await self.gate.submit(Change(case.id, handled, "supervisor:city"))

    def _command(self, case: Case, deed: Deed) -> Command | None:
        step, member = case.steps[deed.step], case.bundle.member(deed.step)
        task = case.live_task(deed.step)
        if deed.what == "hand_in":
            return _hand_in(case, deed.step)
        if task is None:
            return None
        match deed.what:
            case "accept":
                return RecordAnswer(task.id, Accepted())
            case "ask":
                return _ask(task.id, member, (self.clock.now() + OFFSET).date() + timedelta(days=7))
            case "suspend":
                return RecordAnswer(task.id, Suspended("expert_review", None, Limit(5, "workdays")))
            case "stop":  # and nobody is told for how long, so the clock runs on
                return RecordAnswer(task.id, Suspended("expert_review"))
            case "resume":
                return RecordAnswer(task.id, Resumed())
            case "refuse":
                return RecordAnswer(task.id, Rejected("refused", "the conditions are not met"))
            case _:
                is_ready = step.state in (StepState.DISPATCHED, StepState.ACCEPTED)
                return RecordAnswer(task.id, Completed()) if is_ready else None


def _ask(task_id: UUID, member: Member, due_on: date) -> Command | None:
    if not member.fields:
        return None
    asked = (SupplementRequest("field", next(iter(member.fields)), "unreadable"),)
    return RecordAnswer(task_id, SupplementNeeded(asked, due_on))


def _hand_in(case: Case, step: str) -> Command | None:
    requests = case.steps[step].requests
    if case.steps[step].state is not StepState.SUPPLEMENT_NEEDED:
        return None
    return HandInSupplement(step, (), {each.code: case.content.form.get(each.code, "x") for each in requests})


# ---- judging, by the record alone


class Fact(NamedTuple):
    """An event."""

    case_id: UUID
    step: str | None
    type: str
    actor: str
    at: datetime
    data: dict[str, Any]


async def facts(database: Database) -> list[Fact]:
    """Every event, in the order of its case."""
    e = tables.event.c
    async with database.read() as connection:
        rows = await connection.execute(
            select(e.case_id, e.step, e.type, e.actor, e.at, e.data).order_by(e.case_id, e.seq)
        )
        return [Fact(*row[:4], datetime.fromisoformat(row.at), json.loads(row.data)) for row in rows]


def of_time(found: Sequence[Fact]) -> list[Fact]:
    """What time did by itself."""
    return [fact for fact in found if fact.actor == OF_TIME and "due_at" in fact.data]


def not_once(found: Sequence[Fact]) -> list[Fact]:
    """What happened more than once."""
    happened = of_time(found)
    keys = Counter(map(_what, happened))
    return [fact for fact in happened if keys[_what(fact)] > 1]


def _what(fact: Fact) -> tuple[object, ...]:
    return (fact.case_id, fact.step, fact.type, fact.data["due_at"], fact.data.get("urging"))


def not_in_time(found: Sequence[Fact], tick: timedelta) -> list[Fact]:
    """What happened before it was due, or more than a tick after."""
    return [
        fact
        for fact in of_time(found)
        if not timedelta() <= fact.at - datetime.fromisoformat(fact.data["due_at"]) <= tick
    ]


async def left_due(database: Database, now: datetime) -> int:
    """In how many cases something is due that did not happen."""
    async with database.read() as connection:
        statement = select(func.count()).where(tables.cases.c.next_due_at <= now)
        return int((await connection.execute(statement)).scalar_one())


Paused = Sequence[tuple[date, date | None]]
"""Days from and until which the clock stood still; None: it does."""


def midnight_after(at: datetime, limit: Limit, calendar: Calendar, paused: Paused) -> datetime | None:
    """When so many days are over, counted one by one; None while the clock stands still."""
    day, left = (at + OFFSET).date(), limit.number
    while left:
        day += timedelta(days=1)
        if any(since <= day and until is None for since, until in paused):
            return None
        if any(until is not None and since <= day < until for since, until in paused):
            continue
        left -= limit.unit == "days" or calendar.day(day).is_workday
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1) - OFFSET


def by_step(found: Sequence[Fact]) -> Iterator[tuple[tuple[UUID, str], list[Fact]]]:
    """The events of each step."""
    grouped: dict[tuple[UUID, str], list[Fact]] = defaultdict(list)
    for fact in found:
        if fact.step is not None:
            grouped[fact.case_id, fact.step].append(fact)
    yield from grouped.items()


ENDS = ("step.completed", "step.rejected", "step.cancelled", "step.skipped")


SAID = (
    *("step.accepted", "step.supplement_needed", "step.rejected", "step.completed", "step.cancelled"),
    *("step.held", "step.skipped"),
)
"""What ends an office's silence."""


def _stops(fact: Fact) -> bool:
    """Of a special procedure the applicant is told for how long; without that no clock stands still."""
    return fact.type == "step.supplement_needed" or fact.data["stops_clock"]


def red_at(
    story: Sequence[Fact], limits: Sequence[Limit], calendar: Calendar, now: datetime
) -> datetime | None:
    """When the first of the limits of a step was used up while its clock ran; None where none was."""
    started: datetime | None = None
    paused: list[tuple[date, date | None]] = []
    since: datetime | None = None
    for fact, after in zip(story, [*(each.at for each in story[1:]), now], strict=True):
        day = (fact.at + OFFSET).date()
        if fact.type == "step.accepted" and started is None:
            started = datetime.fromisoformat(fact.data["from"]) if "from" in fact.data else fact.at
            since = fact.at
        elif fact.type in ("step.suspended", "step.supplement_needed") and started and _stops(fact):
            paused.append((day, None))
        elif fact.type in ("step.resumed", "step.supplemented") and paused and paused[-1][1] is None:
            paused[-1] = (paused[-1][0], day)
        if fact.type in ENDS:
            return None
        if started is None:
            continue
        due = [at for limit in limits if (at := midnight_after(started, limit, calendar, paused))]
        if due and min(due) <= after:
            return max(min(due), since or started)
    return None


def last_lights(found: Sequence[Fact]) -> dict[tuple[UUID, str], str]:
    """The light of each step that was ever lit, as the record tells it."""
    return {(f.case_id, f.step): f.data["light"] for f in found if f.type == "step.light" and f.step}


async def figures(database: Database, until: datetime) -> Counter[tuple[str, bool, str]]:
    """How many steps of each department are open or closed under which light, as supervision is told."""
    async with database.read() as connection:
        told = await supervision.counts(connection, EVERYTHING, BEGINS, until)
    return Counter({(each.department, each.is_open, each.light): each.steps for each in told})


async def recount(database: Database, found: Sequence[Fact]) -> Counter[tuple[str, bool, str]]:
    """The same, from the record."""
    lights, ended = last_lights(found), set[tuple[UUID, str]]()
    counted: Counter[tuple[str, bool, str]] = Counter()
    skipped = set[tuple[UUID, str]]()
    for fact in found:
        if fact.type == "case.received":
            skipped |= {
                (fact.case_id, code) for code, state in fact.data["steps"].items() if state == "skipped"
            }
        elif fact.step and fact.type in ENDS:
            (skipped if fact.type == "step.skipped" else ended).add((fact.case_id, fact.step))
    async with database.read() as connection:
        rows = (
            await connection.execute(
                select(tables.step.c.case_id, tables.step.c.code, tables.step.c.department)
            )
        ).all()
    for case_id, code, department in rows:
        if (case_id, code) not in skipped:
            counted[department, (case_id, code) not in ended, lights.get((case_id, code), "green")] += 1
    return counted


async def rating_figures(database: Database) -> Counter[tuple[str | None, int]]:
    """How many ratings of each level each department has, as the public figures count them."""
    async with database.read() as connection:
        months = ("2026-01", "2026-02", "2026-03")
        told = [await ratings.counts(connection, "department", month, None) for month in months]
    counted: Counter[tuple[str | None, int]] = Counter()
    for each in itertools.chain.from_iterable(told):
        counted[each.of, each.level] += each.ratings
    return counted


def rating_recount(found: Sequence[Fact]) -> Counter[tuple[str | None, int]]:
    """The same, from the record: what was given, without what was removed."""
    given = {fact.case_id: fact.data for fact in found if fact.type == "rating.given"}
    for fact in found:
        if fact.type == "rating.removed":
            del given[fact.case_id]
    return Counter((data["department"], data["level"]) for data in given.values())
