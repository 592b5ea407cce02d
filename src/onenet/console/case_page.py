"""What the page of a case shows, made of the case alone. Pure: a case in, words out.

Whoever holds number and secret may look, so nothing is shown that a person wrote: no name, form or opinion;
of a hotline ticket alone its answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone

from markupsafe import Markup

from onenet.console import words
from onenet.console.notes import filled, limits_of, notes_of, stamped, tasks_of
from onenet.console.result_words import RESULTS
from onenet.console.rounds import RoundLine, rounds_of
from onenet.console.words import PAGE, Language
from onenet.domain import refusals, results, suspensions
from onenet.domain.bundle import Names
from onenet.domain.case import Case, Step, Waiting
from onenet.domain.outcome import SupplementRequest
from onenet.domain.procedures import Remedy
from onenet.domain.rating_handling import ratable
from onenet.domain.ratings import ratings_of
from onenet.domain.states import FINAL_CASE, StepState


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step of the case; `sign` and `kind` (a style) go with its state, `why` says what it waits for."""

    name: str
    department: str
    kind: str
    sign: str
    state: str
    since: Markup
    why: Markup | None
    remedies: Markup | None
    notes: tuple[Markup, ...]
    results: str


@dataclass(frozen=True, slots=True)
class CasePage:
    """The page of one case. `tasks`: what the applicant must do now, in sentences; `rounds`: of a hotline
    ticket, in place of steps; `ratable`: the stages that can be rated.
    """

    name: str
    number: str
    state: str
    submitted: Markup
    updated: Markup
    is_open: bool
    tasks: tuple[Markup, ...]
    steps: tuple[StepLine, ...]
    rounds: tuple[RoundLine, ...]
    not_needed: Markup | None
    ratable: tuple[str, ...]
    is_rated: bool


def page_of(
    case: Case, language: Language, codes: Mapping[tuple[str, str, str], str], units: Mapping[str, Names]
) -> CasePage:
    """The page of a case in that language. `codes`: of what was issued, by step, result and number; `units`:
    what departments are called, of a hotline ticket.
    """
    told = _Telling(case, language, codes)
    shown = [step for step in case.steps.values() if step.state is not StepState.SKIPPED]
    skipped = [step.code for step in case.steps.values() if step.state is StepState.SKIPPED]
    return CasePage(
        name=case.bundle.names[language],
        number=case.number,
        state=words.CASE_STATES[case.state][language],
        submitted=told.time(case.created_at),
        updated=told.time(case.updated_at),
        is_open=case.state not in FINAL_CASE,
        tasks=tuple(task for step in shown for task in told.tasks(step)),
        steps=tuple(told.line(step) for step in shown),
        rounds=rounds_of(case, language, units),
        not_needed=filled(PAGE["not_needed"][language], steps=told.steps(skipped)) if skipped else None,
        ratable=tuple(stage.value for stage in ratable(case)),
        is_rated=bool(ratings_of(case.content.procedures)),
    )


class _Telling:
    """Puts parts of one case into words of one language."""

    def __init__(self, case: Case, language: Language, codes: Mapping[tuple[str, str, str], str]):
        self._case = case
        self._codes = codes
        self._language = language
        self._zone = timezone(timedelta(minutes=case.utc_offset_minutes))

    def line(self, step: Step) -> StepLine:
        return StepLine(
            name=self.steps([step.code]),
            department=self._department(step),
            kind=step.state.value,
            sign=words.SIGNS[step.state],
            state=self._state(step),
            since=filled(PAGE["since"][self._language], day=self.time(step.since)),
            why=self._waiting(step, step.waiting) if step.waiting else self._end(step),
            remedies=self._remedies(step),
            notes=(*limits_of(self._case, step, self._language), *notes_of(self._case, step, self._language)),
            results=self._join(self._results(step)),
        )

    def tasks(self, step: Step) -> Iterator[Markup]:
        """What the applicant must, and can do for this step."""
        waiting = step.waiting
        template = words.TASKS.get(_key(waiting)) if waiting else None
        if waiting and template:
            yield self._fill(template[self._language], step, waiting)
        yield from tasks_of(self._case, step, self._language)

    def steps(self, codes: Iterable[str]) -> str:
        return self._join(self._case.bundle.member(code).names[self._language] for code in codes)

    def time(self, at: datetime) -> Markup:
        return self._stamp(at, words.TIME)

    def _waiting(self, step: Step, waiting: Waiting) -> Markup:
        template = words.WAITS.get(_key(waiting)) or words.WAITS_FOR[waiting.waits_for]
        return self._fill(template[self._language], step, waiting)

    def _end(self, step: Step) -> Markup | None:
        reason, _, steps = (step.reason or "").partition(": ")
        known = words.END_REASONS.get(reason)
        named = self.steps(code for code in steps.split(", ") if code in self._case.steps)
        return filled(known[self._language], steps=named) if known else None

    def _state(self, step: Step) -> str:
        known = words.NOT_VERIFIED if self._is_unverified(step) else words.STEP_STATES[step.state]
        return known[self._language]

    def _is_unverified(self, step: Step) -> bool:
        member = self._case.bundle.member(step.code)
        return refusals.is_unverified(refusals.refusal_of(step), verifies=member.verifies)

    def _remedies(self, step: Step) -> Markup | None:
        """What can be done against a refusal."""
        if self._is_unverified(step):
            return filled(words.CORRECT_DATA[self._language])
        refusal = refusals.refusal_of(step)
        return Markup(" ").join(map(self._remedy, refusal.remedies)) if refusal else None

    def _remedy(self, remedy: Remedy) -> Markup:
        day = self._stamp(datetime.combine(remedy.until, time(), self._zone), words.DAY)
        template = words.REMEDIES[remedy.way][self._language]
        return filled(template, last_day=day, where=remedy.where[self._language])

    def _fill(self, template: str, step: Step, waiting: Waiting) -> Markup:
        places: dict[str, str] = {"step": self.steps([step.code]), "department": self._department(step)}
        if waiting.reason in ("dependency", "upstream_not_completed", "upstream_taken_back"):
            places["steps"] = self.steps(waiting.refs)
        if waiting.reason == "supplement":
            places["things"] = self._join(self._wrong(request) for request in step.requests)
        if waiting.reason == "special_procedure":
            found = suspensions.under_way(step)
            known = words.PROCEDURES.get(found.procedure) if found else None
            places["procedure"] = f"({known[self._language]})" if known else ""
        if waiting.until is not None:
            places["first_day"] = self._stamp(waiting.until, words.DAY)
            # A day's end is the first moment of the next one.
            places["last_day"] = self._stamp(waiting.until - timedelta(microseconds=1), words.DAY)
        return filled(template, **places)

    def _wrong(self, request: SupplementRequest) -> str:
        """What must be repaired, and what is wrong with it: a word of ours, never what somebody wrote."""
        name = self._thing(request.kind, request.code)
        if request.reason_kind is None:
            return name
        return words.WRONG[self._language].format(
            thing=name, kind=words.REASON_KINDS[request.reason_kind][self._language]
        )

    def _thing(self, kind: str, code: str) -> str:
        """The name of a material or a field; the code itself where the bundle does not know it."""
        bundle = self._case.bundle
        known = bundle.materials.get(code) if kind == "material" else bundle.fields.get(code)
        return known.names[self._language] if known else code

    def _results(self, step: Step) -> Iterable[str]:
        for result in step.results:
            name = results.name_of(self._case.bundle, step, result)[self._language]
            told = f"{name} {result.number or ''}".strip()
            code = self._codes.get((step.code, result.code, result.number or ""))
            if code is not None:
                told = RESULTS["with_code"][self._language].format(result=told, code=code)
            if result.state != "issued":
                state = RESULTS[f"stands_{result.state}"][self._language]
                told = RESULTS["not_standing"][self._language].format(result=told, state=state)
            yield told

    def _department(self, step: Step) -> str:
        return self._case.bundle.departments[step.department].names[self._language]

    def _join(self, names: Iterable[str]) -> str:
        return words.SEPARATOR[self._language].join(names)

    def _stamp(self, at: datetime, template: words.Words) -> Markup:
        return stamped(at, self._zone, template, self._language)


def _key(waiting: Waiting) -> str:
    """The entry of the tables: what has a day until which it takes has sentences of its own."""
    dated = waiting.until is not None and waiting.reason in ("supplement", "special_procedure")
    return f"{waiting.reason}_until" if dated else waiting.reason
