"""What goes on in a step beside its state: its limits, what was promised, a hearing, applying again.

Whoever holds number and secret may look, so nothing is shown that a person wrote: no place of a hearing, and
no reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone

from markupsafe import Markup

from onenet.console import words
from onenet.console.note_words import NOTES, TO_DO
from onenet.console.words import Language, Words
from onenet.domain import awaited, commitment, reapplications
from onenet.domain.case import Case, Step
from onenet.domain.procedures import Extension, hearing_of, reapplied_by
from onenet.domain.states import FAILED, FINAL_STEP
from onenet.errors import MoveRefused

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that goes on: its entry in the tables, until or on which day, and which material it is of."""

    key: str
    on: date | datetime | None = None
    material: str | None = None
    is_provisional: bool = False


def notes_of(case: Case, step: Step, language: Language) -> tuple[Markup, ...]:
    """Sentences about the step, for everybody."""
    return tuple(_told(NOTES[note.key], note, case, step, language) for note in _noted(step))


def limits_of(case: Case, step: Step, language: Language) -> tuple[Markup, ...]:
    """Sentences about until when the step is to be decided, while its clock runs."""
    return tuple(_told(NOTES[note.key], note, case, step, language) for note in _limits(step))


def tasks_of(case: Case, step: Step, language: Language) -> tuple[Markup, ...]:
    """Sentences about what the applicant can do."""
    found = [*(note for note in _noted(step) if note.key in TO_DO), *_again(case, step)]
    return tuple(_told(TO_DO[note.key], note, case, step, language) for note in found)


def _noted(step: Step) -> Iterator[Note]:
    for each in step.procedures:
        if isinstance(each, Extension):
            yield Note(f"extended_{each.limit}")
    for thing in awaited.of(step):
        if thing.what == "material":
            yield Note("material", thing.due_on, thing.material)
    signed = commitment.of(step)
    if signed is not None and signed.state in ("signed", "to_check", "broken"):
        yield Note(signed.state, signed.awaited_on)
    hearing = hearing_of(step.procedures)
    if hearing is not None and step.state not in FINAL_STEP:
        until = hearing.until and hearing.until - _INSTANT  # a day's end is the first moment of the next one
        yield Note(f"hearing_{hearing.state}", {"told": until, "set": hearing.on}.get(hearing.state))
    if reapplied_by(step.procedures) is not None:
        yield Note("reapplied")


def _limits(step: Step) -> Iterator[Note]:
    if step.state in FINAL_STEP:
        return
    timing = step.timing
    for key, at in (("promised", timing.promised_due_at), ("statutory", timing.statutory_due_at)):
        if at is not None:
            yield Note(key, at - _INSTANT, is_provisional=timing.is_provisional)


def _again(case: Case, step: Step) -> Iterator[Note]:
    if step.state not in FAILED:
        return
    try:
        reapplications.members(case.state, case.bundle, case.steps, step.code)
    except MoveRefused:
        return
    yield Note("reapply")


def _told(said: Words, note: Note, case: Case, step: Step, language: Language) -> Markup:
    zone = timezone(timedelta(minutes=case.utc_offset_minutes))
    material = case.bundle.materials.get(note.material) if note.material else None
    places = {
        "step": case.bundle.member(step.code).names[language],
        "thing": material.names[language] if material else note.material or "",
        "day": _day(note.on, zone, language),
    }
    told = filled(said[language], **places)
    return told if not note.is_provisional else told + " " + NOTES["provisional"][language]


def _day(on: date | datetime | None, zone: timezone, language: Language) -> Markup:
    if on is None:
        return Markup("")
    at = on if isinstance(on, datetime) else datetime.combine(on, time(), zone)
    return stamped(at, zone, words.DAY, language)


def stamped(at: datetime, zone: timezone, template: Words, language: Language) -> Markup:
    """A moment as people there read it, and as machines do."""
    local = at.astimezone(zone)
    text = template[language].format(at=local, month=words.MONTHS[local.month - 1])
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(timespec="seconds"), text)


def filled(template: str, **places: str) -> Markup:
    """An entry of the tables with its places filled; what is not Markup itself is escaped."""
    return Markup(template).format(**places)  # noqa: S704  # entries are our own words
