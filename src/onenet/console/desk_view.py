"""What the desk's pages show, made of tasks alone. Pure: tasks in, words out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from markupsafe import Markup

from onenet.console import words
from onenet.console.desk_words import APPLICANT, DESK, NOT_COUNTED, OF_APPLICANTS
from onenet.console.facts import Fact, as_text
from onenet.console.notes import notes_of
from onenet.console.opinion_view import OpinionLine, line_of_opinion
from onenet.console.words import Language
from onenet.domain import desk as rules
from onenet.domain.bundle import Bundle
from onenet.domain.calendar import local_day
from onenet.domain.deadlines import CountedDay, Deadline
from onenet.domain.limits import Deadlines
from onenet.domain.principal import Principal
from onenet.domain.procedures import opinions_of
from onenet.services import desk
from onenet.services.awaited import Followed
from onenet.services.desk import DeskTask

ELSEWHERE = (1, 2, 3)
"""Exemption modes of materials that nobody hands in (domain.md section 15)."""


@dataclass(frozen=True, slots=True)
class Line:
    """A task in the list. `holder`: who has it, None for nobody; `is_own`: whether that is who looks."""

    key: str
    name: str
    number: str
    bundle: str
    jurisdiction: str
    department: str
    kind: str
    sign: str
    state: str
    submission: int
    arrived: str
    holder: str | None
    is_own: bool


@dataclass(frozen=True, slots=True)
class FollowedLine:
    """A step of which something that was promised is awaited; `notes` say what, and until when."""

    name: str
    number: str
    bundle: str
    jurisdiction: str
    department: str
    kind: str
    sign: str
    is_overdue: bool
    notes: tuple[Markup, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A material or field that can be asked for again."""

    kind: str
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the department is told of the application."""

    applicant: tuple[Fact, ...]
    form: tuple[Fact, ...]
    materials: tuple[Fact, ...]
    results_before: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class CountedLimit:
    """A limit of the step, with each day on the way: the day, and its number or why it is not counted."""

    name: str
    due: str | None
    is_provisional: bool
    days: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TaskPage:
    """The page of one task. `results`: codes and names of what can be issued; `mark`: how the step is;
    `notes`: what goes on in it beside its state.
    """

    line: Line
    possible: tuple[str, ...]
    mark: str
    sheet: Sheet | None
    results: tuple[tuple[str, str], ...]
    correctable: tuple[Asked, ...]
    notes: tuple[Markup, ...]
    limits: tuple[CountedLimit, ...]
    opinions: tuple[OpinionLine, ...] = ()

    @property
    def awaits_opinions(self) -> bool:
        """Whether a decision has to say why it does without them."""
        return any(each.state == "asked" for each in self.opinions)


def line_of(found: DeskTask, who: Principal, language: Language) -> Line:
    """The task in a few words."""
    case, step = found.case, found.step
    zone = timezone(timedelta(minutes=case.utc_offset_minutes))
    return Line(
        key=found.key,
        name=case.bundle.member(step.code).names[language],
        number=case.number,
        bundle=case.bundle.names[language],
        jurisdiction=case.jurisdiction,
        department=case.bundle.departments[step.department].names[language],
        kind=step.state.value,
        sign=words.SIGNS[step.state],
        state=words.STEP_STATES[step.state][language],
        submission=found.task.submission,
        arrived=_time(step.desk_at or step.since, zone, language),
        holder=step.claim.by if step.claim else None,
        is_own=step.claim is not None and step.claim.by == who.id,
    )


def followed_line(found: Followed, at: datetime, language: Language) -> FollowedLine:
    """The step in a few words, at that moment of legal time."""
    case, step = found.seen.case, found.step
    return FollowedLine(
        name=case.bundle.member(step.code).names[language],
        number=case.number,
        bundle=case.bundle.names[language],
        jurisdiction=case.jurisdiction,
        department=case.bundle.departments[step.department].names[language],
        kind=step.state.value,
        sign=words.SIGNS[step.state],
        is_overdue=found.awaited[0].due_on < local_day(at, case.utc_offset_minutes),
        notes=notes_of(case, step, language),
    )


def page_of(
    found: DeskTask, sheet: str | None, who: Principal, language: Language, until: Deadlines
) -> TaskPage:
    """The page of a task, with what this person can do. `until`: when its step is to be decided."""
    bundle, member = found.case.bundle, found.case.bundle.member(found.step.code)
    is_present = found.task.submission == found.step.submission
    asked = [
        *(Asked("material", code, bundle.materials[code].names[language]) for code in member.materials),
        *(Asked("field", code, bundle.fields[code].names[language]) for code in member.fields),
    ]
    return TaskPage(
        line=line_of(found, who, language),
        possible=rules.possible(found.step, desk.clerk(who)) if is_present else (),
        mark=rules.mark(found.step),
        sheet=_sheet(json.loads(sheet), bundle, language) if sheet else None,
        results=tuple((result.code, result.names[language]) for result in member.results),
        correctable=tuple(asked),
        notes=notes_of(found.case, found.step, language),
        limits=tuple(
            _counted(each, DESK[f"desk_{name}"][language], language)
            for name, each in (("promised", until.promised), ("statutory", until.statutory))
            if each is not None
        ),
        opinions=tuple(
            line_of_opinion(found.case, member.names[language], each.names[language], each, language)
            for each in opinions_of(found.step.procedures)
        ),
    )


def _counted(found: Deadline, name: str, language: Language) -> CountedLimit:
    days = ((each.day.on.isoformat(), _why(each, language)) for each in found.days)
    due = found.due_on.isoformat() if found.due_on else None
    return CountedLimit(name, due, found.is_provisional, tuple(days))


def _why(counted: CountedDay, language: Language) -> str:
    """The number of a day that is counted, or why it is not."""
    if counted.number is not None:
        return str(counted.number)
    if counted.reason == "holiday" and counted.day.names:
        return counted.day.names[language]
    known = NOT_COUNTED.get(counted.reason or "")
    return known[language] if known else counted.reason or ""


def _sheet(said: Mapping[str, Any], bundle: Bundle, language: Language) -> Sheet:
    form = [Fact(bundle.fields[code].names[language], as_text(value)) for code, value in said["form"].items()]
    return Sheet(
        applicant=tuple(
            Fact(words_of[language], _of_applicant(name, said["applicant"][name], language))
            for name, words_of in APPLICANT.items()
            if said["applicant"].get(name) is not None
        ),
        form=tuple(form),
        materials=tuple(_materials(said, language)),
        results_before=tuple(
            Fact(f"{each['step']}: {each['code']}", each.get("number")) for each in said["results_before"]
        ),
    )


def _materials(said: Mapping[str, Any], language: Language) -> Iterator[Fact]:
    for each in said["materials"]:
        otherwise = DESK[f"desk_mode_{each['mode']}"][language] if each["mode"] in ELSEWHERE else None
        yield Fact(each["names"][language], each.get("reference") or otherwise, each.get("document"))


def _of_applicant(name: str, value: str, language: Language) -> str:
    known = OF_APPLICANTS.get(name, {}).get(value)
    return known[language] if known else value


def _time(at: datetime, zone: timezone, language: Language) -> str:
    local = at.astimezone(zone)
    return words.TIME[language].format(at=local, month=words.MONTHS[local.month - 1])
