"""Visibility: which cases a principal sees, by which rule, and how much of them. One table, and pure.

`RULES` makes both the criterion of every query (`store.visibility`) and the answer about a case at hand
(`Visible.sight_of`), so the two cannot differ. Whatever no rule lets in is not there. Source: security.md 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from uuid import UUID

from onenet.domain.case import Case
from onenet.domain.delegation import Delegation
from onenet.domain.principal import Principal as Who
from onenet.domain.principal import Role
from onenet.domain.states import StepState, Word
from onenet.domain.tickets import BUNDLE, sees, ticket_of


class Column(Word):
    """A fact that a condition can ask for; a department's name is looked for among the case's steps, a unit's
    among those of the ticket.
    """

    ID = "id"
    CLIENT = "client"
    SUBJECT = "subject"
    BUNDLE = "bundle"
    JURISDICTION = "jurisdiction"
    RECEIVING = "receiving"
    DEPARTMENT = "department"
    ASKED = "asked"
    UNIT = "unit"


@dataclass(frozen=True, slots=True)
class Condition:
    """One of these values is the case's; none at all fits no case."""

    column: Column
    values: frozenset[UUID] | frozenset[str]

    def holds(self, case: Case) -> bool:
        """Whether the case fits."""
        match self.column:
            case Column.ID:
                return case.id in self.values
            case Column.CLIENT:
                return case.client in self.values
            case Column.SUBJECT:
                return case.subject in self.values
            case Column.BUNDLE:
                return case.bundle.code in self.values
            case Column.JURISDICTION:
                return case.jurisdiction in self.values
            case Column.RECEIVING:
                return case.receiving in self.values
            case Column.DEPARTMENT:
                # A step that is skipped is nobody's business.
                concerned = (step for step in case.steps.values() if step.state is not StepState.SKIPPED)
                return any(step.department in self.values for step in concerned)
            case Column.ASKED:
                # Of an opinion, never of its case: whoever is asked sees no case by that.
                return False
            case Column.UNIT:
                ticket = ticket_of(case.content.procedures)
                return ticket is not None and any(sees(ticket, str(code)) for code in self.values)


class Content(Word):
    """How much is shown of what the applicant said: all, what a department's steps need, or nothing."""

    WHOLE = "whole"
    NEEDED = "needed"
    NOTHING = "nothing"


class Identity(Word):
    """How identity numbers are shown: in full, to who needs them, or masked."""

    FULL = "full"
    NEEDED = "needed"
    MASKED = "masked"


@dataclass(frozen=True, slots=True)
class View:
    """The field rule: how much of a case is shown.

    `department`: only its steps and their events. `has_words`: opinions, results, what must be handed in.
    `has_record`: every event with its actor, also those that are on record only. `has_opinions`: what other
    departments were asked, and said.
    """

    name: str
    content: Content
    identity: Identity
    has_words: bool = True
    has_record: bool = False
    department: str | None = None
    has_opinions: bool = False

    @property
    def mark(self) -> str:
        """What tells this view from others, for tags and for texts that are kept."""
        return f"{self.name}:{self.department}" if self.department else self.name


WHOLE = View("whole", Content.WHOLE, Identity.FULL)
COUNTER = View("counter", Content.WHOLE, Identity.MASKED)
OWN_STEPS = View("department", Content.NEEDED, Identity.NEEDED, has_opinions=True)
ASKED = View("asked", Content.NOTHING, Identity.MASKED, has_words=False)
HOTLINE = View("hotline", Content.WHOLE, Identity.MASKED)
OWN_PART = View("unit", Content.NEEDED, Identity.MASKED)
SUPERVISION = View("supervision", Content.NOTHING, Identity.MASKED, has_opinions=True)
AUDIT = View("audit", Content.NOTHING, Identity.MASKED, has_words=False, has_record=True)
EMERGENCY = View("emergency", Content.WHOLE, Identity.MASKED, has_record=True, has_opinions=True)
TECHNICAL = View("technical", Content.NOTHING, Identity.MASKED, has_words=False)


class Reach(NamedTuple):
    """What a principal's name alone does not tell: the jurisdictions below its own (None: everywhere), and
    the delegation that is looked at.
    """

    within: frozenset[str] | None = None
    delegation: Delegation | None = None


Maker = Callable[[Who, Reach], Condition | None]
"""Makes a condition; None where it does not narrow."""


def _is(column: Column, value: UUID | str | None) -> Condition:
    values = frozenset() if value is None else frozenset({value})
    return Condition(column, values)  # type: ignore[arg-type]  # a set of one kind


def of_client(who: Who, reach: Reach) -> Condition:
    """Subjects are names out of a client's own world: two clients may use the same one for two people."""
    return _is(Column.CLIENT, who.client)


def of_subject(who: Who, reach: Reach) -> Condition:
    """Never every subject: somebody without a name has no case."""
    return _is(Column.SUBJECT, who.subject)


def of_visitor(who: Who, reach: Reach) -> Condition:
    """Whoever stands before the counter."""
    return _is(Column.SUBJECT, who.visitor)


def of_department(who: Who, reach: Reach) -> Condition:
    """With a step of its own that is not skipped."""
    return _is(Column.DEPARTMENT, who.department)


def of_department_asked(who: Who, reach: Reach) -> Condition | None:
    """Opinions that are asked of it."""
    return _is(Column.ASKED, who.department)


def of_unit(who: Who, reach: Reach) -> Condition:
    """With a part of its own in the ticket, which it did not lose again."""
    return _is(Column.UNIT, who.department)


def of_tickets(who: Who, reach: Reach) -> Condition:
    """Hotline tickets, and no other cases."""
    return _is(Column.BUNDLE, BUNDLE.code)


def within(who: Who, reach: Reach) -> Condition | None:
    """In its jurisdictions and those below them."""
    return None if reach.within is None else Condition(Column.JURISDICTION, reach.within)


def within_of_key(who: Who, reach: Reach) -> Condition | None:
    """As `within` for the key of a front-end; a person sees the own cases wherever they are."""
    return within(who, reach) if who.role is Role.FRONTEND else None


def received_within(who: Who, reach: Reach) -> Condition:
    """Handed in in its jurisdictions or those below them, and handled elsewhere."""
    return Condition(Column.RECEIVING, reach.within or frozenset())


def of_giver(who: Who, reach: Reach) -> Condition:
    """Of whoever gave the delegation."""
    return _is(Column.SUBJECT, reach.delegation and reach.delegation.owner.subject)


def of_givers_client(who: Who, reach: Reach) -> Condition:
    """In the world that the giver's name is out of."""
    return _is(Column.CLIENT, reach.delegation and reach.delegation.owner.client)


def of_case_named(who: Who, reach: Reach) -> Condition | None:
    """The one case that the delegation names, where it names one."""
    named = reach.delegation and reach.delegation.case_id
    return _is(Column.ID, named) if named else None


def of_bundles_named(who: Who, reach: Reach) -> Condition | None:
    """The bundles that the delegation names, where it names no case."""
    if reach.delegation and reach.delegation.case_id:
        return None
    return Condition(Column.BUNDLE, reach.delegation.bundles if reach.delegation else frozenset())


class Subject(Word):
    """What is asked for: cases and all that hangs on them; or deliveries, and emergencies to approve, which
    tell of a case that it is there and nothing of what it is about; or opinions, which whoever is asked sees
    without their case; or hotline tickets, as those see them who handle them: their owners see them among
    their cases.
    """

    CASES = "cases"
    DELIVERIES = "deliveries"
    OPINIONS = "opinions"
    TICKETS = "tickets"


_RULES_OF: Mapping[Subject, frozenset[Subject]] = {
    Subject.CASES: frozenset({Subject.CASES}),
    Subject.DELIVERIES: frozenset({Subject.CASES, Subject.DELIVERIES}),
    Subject.OPINIONS: frozenset({Subject.OPINIONS}),
    Subject.TICKETS: frozenset({Subject.TICKETS}),
}
"""Whose rules let somebody in."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Lets these roles see the cases for which all conditions hold. `by_delegation`: once for each one."""

    name: str
    roles: frozenset[Role]
    conditions: tuple[Maker, ...]
    view: View
    by_delegation: bool = False
    of: Subject = Subject.CASES


RULES: tuple[Rule, ...] = (
    Rule("own", frozenset({Role.FRONTEND, Role.CITIZEN}), (of_client, of_subject, within_of_key), WHOLE),
    Rule(
        "delegation",
        frozenset({Role.FRONTEND, Role.CITIZEN, Role.AGENT}),
        (of_givers_client, of_giver, of_case_named, of_bundles_named, within_of_key),
        WHOLE,
        by_delegation=True,
    ),
    Rule("counter", frozenset({Role.CLERK}), (of_client, of_visitor, within), COUNTER),
    Rule("receiving counter", frozenset({Role.CLERK}), (of_client, of_visitor, received_within), COUNTER),
    Rule("department", frozenset({Role.DEPARTMENT, Role.OFFICER}), (of_department, within), OWN_STEPS),
    Rule(
        "asked",
        frozenset({Role.DEPARTMENT, Role.OFFICER}),
        (of_department_asked, within),
        ASKED,
        of=Subject.OPINIONS,
    ),
    Rule("supervision", frozenset({Role.SUPERVISOR}), (within,), SUPERVISION),
    Rule("audit", frozenset({Role.AUDITOR}), (within,), AUDIT),
    Rule("hotline", frozenset({Role.FRONTEND}), (of_client, within, of_tickets), HOTLINE, of=Subject.TICKETS),
    Rule(
        "unit",
        frozenset({Role.DEPARTMENT, Role.OFFICER}),
        (of_unit, within),
        OWN_PART,
        of=Subject.TICKETS,
    ),
    Rule(
        "ticket_supervision",
        frozenset({Role.SUPERVISOR}),
        (within, of_tickets),
        SUPERVISION,
        of=Subject.TICKETS,
    ),
    Rule("ticket_audit", frozenset({Role.AUDITOR}), (within, of_tickets), AUDIT, of=Subject.TICKETS),
    Rule("technical", frozenset({Role.ADMINISTRATOR}), (within,), TECHNICAL, of=Subject.DELIVERIES),
)
"""Who sees which cases. The first rule that lets a case in says how much of it is shown."""


class Sight(NamedTuple):
    """One way in: the rule, made for one principal. All of `conditions` must hold."""

    rule: str
    conditions: tuple[Condition, ...]
    view: View
    delegation: Delegation | None = None


@dataclass(frozen=True, slots=True)
class Visible:
    """All ways in of one principal; no way in, no case."""

    sights: tuple[Sight, ...]

    def sight_of(self, case: Case) -> Sight | None:
        """How this case is seen; None when it is not there for this principal."""
        for sight in self.sights:
            if all(condition.holds(case) for condition in sight.conditions):
                return sight
        return None

    def sight_of_opinion(self, case: Case, asked: str) -> Sight | None:
        """How an opinion is seen that is asked of that department; None when it is not there."""
        for sight in self.sights:
            if all(
                asked in each.values if each.column is Column.ASKED else each.holds(case)
                for each in sight.conditions
            ):
                return sight
        return None

    def sight_of_draft(self, facts: Mapping[Column, str | None]) -> Sight | None:
        """How what has these facts, and is no case yet, is seen: by who would see the case whole."""
        for sight in self.sights:
            seen = all(facts.get(condition.column) in condition.values for condition in sight.conditions)
            if seen and sight.conditions and sight.view.content is Content.WHOLE:
                return sight
        return None


class OfTasks(NamedTuple):
    """Ways in to tasks of a department's system: by their cases, and to questions by their opinions alone."""

    cases: Visible
    opinions: Visible


EVERYTHING = Visible((Sight("operator", (), EMERGENCY),))
"""What the command line sees: it has the database itself."""


def visible(
    who: Who,
    *,
    within: frozenset[str] | None = None,
    delegations: Sequence[Delegation] = (),
    of: Subject = Subject.CASES,
) -> Visible:
    """What this principal sees: `within` are its jurisdictions with all below them, None for everywhere."""
    return Visible(tuple(_sights(who, within, delegations, of)))


def _sights(
    who: Who, codes: frozenset[str] | None, delegations: Sequence[Delegation], of: Subject
) -> Iterator[Sight]:
    for rule in RULES:
        if who.role not in rule.roles or rule.of not in _RULES_OF[of]:
            continue
        for delegation in delegations if rule.by_delegation else (None,):
            made = (make(who, Reach(codes, delegation)) for make in rule.conditions)
            conditions = tuple(condition for condition in made if condition is not None)
            view = rule.view
            if view.content is Content.NEEDED:
                view = replace(view, department=who.department)
            yield Sight(rule.name, conditions, view, delegation)
