"""Who sees and does what: every cell of the committed truth table, and no rule that could be taken out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from unittest import mock

import pytest

from onenet.clock import FrozenClock
from onenet.domain import visibility
from onenet.domain.delegation import Delegation
from onenet.domain.principal import EVERY_PERMISSION, PERMISSIONS, Role
from onenet.domain.visibility import EMERGENCY, RULES, Content, Identity, Rule
from onenet.store.database import Database
from tests.authorisation import truth_table
from tests.authorisation.city import Actor, City, built
from tests.authorisation.truth_table import cell, committed, routes, table
from tests.issuing import TestIssuer, issuing

pytestmark = pytest.mark.anyio
sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

SHOWING = (
    "GET /v1/cases",
    "GET /v1/cases/{case_id}",
    "GET /v1/drafts",
    "GET /v1/drafts/{draft_id}",
    "GET /v1/cases/{case_id}/steps",
    "GET /v1/cases/{case_id}/events",
    "GET /v1/cases/{case_id}/application",
    "GET /v1/deliveries",
    "GET /v1/desk/tasks",
    "GET /v1/desk/tasks/{task}",
    "GET /v1/opinions",
    "GET /v1/opinions/{opinion}",
    "GET /v1/tickets",
    "GET /v1/tickets/{ticket}",
    "GET /v1/break-glass/{break_glass_id}/case",
)


@pytest.fixture(scope="module")
def issuer() -> Iterator[TestIssuer]:
    with issuing() as made:
        yield made


@pytest.fixture
async def city(database: Database, clock: FrozenClock, issuer: TestIssuer) -> AsyncIterator[City]:
    async with built(database, clock, issuer) as made:
        yield made


async def test_every_cell_is_as_committed(city: City, backend: str) -> None:
    """`python3 dev.py truth-table` writes it anew; whoever does reads what has changed.

    A permission that is lacking is seen before the first statement: these cells are asked for on one engine.
    """
    known = committed()
    wanted = {route: truth_table.permission_of(city, route) for route in routes(city)}
    forbidden = {key for key, answer in known.items() if answer == "403 forbidden"}
    shut = {key for key in forbidden if wanted.get(key[2]) not in PERMISSIONS[Role(key[0])]}
    assert len(shut) > 1_000
    left_out = shut if backend == "postgresql" else set()
    found = {(role, relation, route): answer for role, relation, route, answer in await table(city, left_out)}
    assert {key: answer for key, answer in found.items() if known.get(key) != answer} == {}
    assert found.keys() | left_out == known.keys()
    assert known.keys() == {(a.role, a.relation, route) for a in city.actors for route in routes(city)}


def test_strangers_are_told_nothing() -> None:
    """What the table must say, whoever wrote it: a second opinion on its most important cells."""
    strangers = {
        ("frontend", "for another"), ("frontend", "another one, same name"), ("citizen", "stranger"),
        ("frontend", "for the owner, in another district"),
        ("frontend", "for a delegate, in another district"),
        ("citizen", "delegate of-other-case"), ("citizen", "delegate of-other-bundle"),
        ("citizen", "delegate of-later"), ("citizen", "delegate of-before"),
        ("citizen", "delegate of-revoked"), ("agent", "the owner's name"),
        ("clerk", "of another at the counter"), ("clerk", "in another district"),
        ("department", "without a step"), ("officer", "without a step"),
        ("officer", "of a step, in another district"), ("department", "of a step, in another district"),
        ("supervisor", "of another district"), ("auditor", "of another district"),
    }  # fmt: skip
    of_case = {
        (key, answer)
        for key, answer in committed().items()
        if key[:2] in strangers and ("{case_id}" in key[2] or "{draft_id}" in key[2])
    }
    assert len(of_case) > 100
    assert {answer for _, answer in of_case} == {"404 not-found", "403 forbidden"}
    administrators = {answer for key, answer in committed().items()
                      if key[0] == "administrator" and "/cases" in key[2]}  # fmt: skip
    assert administrators == {"403 forbidden"}


# ---- mutants


def mutants() -> Iterator[tuple[str, Rule, Rule]]:
    """Each rule without one of its conditions, and with more shown than it allows."""
    for rule in RULES:
        for condition in rule.conditions:
            fewer = tuple(each for each in rule.conditions if each is not condition)
            yield f"{rule.name} without {condition.__name__}", rule, replace(rule, conditions=fewer)
        view = rule.view
        wider = {
            "actors": replace(view, has_record=True),
            "every part of the application": replace(view, content=Content.WHOLE),
            "numbers": replace(view, identity=Identity.FULL),
        }
        for what, shown in wider.items():
            if shown != view and (rule.name, what) not in UNREACHABLE:
                yield f"{rule.name} shows {what}", rule, replace(rule, view=shown)


WIDER = ("actors", "every part of the application", "numbers")

UNREACHABLE = {(rule, what) for rule in ("supervision", "audit", "technical") for what in WIDER[1:]} | {
    ("technical", "actors"),
    *(("asked", what) for what in WIDER),
    *(
        (rule, what)
        for rule in ("hotline", "unit", "ticket_supervision", "ticket_audit")
        for what in WIDER[::2]
    ),
}
"""These roles have no permission for a route that shows such things: the layer before takes care of it. Of a
case whoever is asked for an opinion sees nothing by any view: what it sees was put to it, as text. No route
of tickets shows actors or identity numbers.
"""


@sqlite
async def test_no_rule_can_be_weakened_or_taken_out_unseen(city: City) -> None:
    assert len(list(mutants())) > 20
    survivors = []
    for name, rule, mutant in mutants():
        with mock.patch.object(visibility, "RULES", tuple(mutant if r is rule else r for r in RULES)):
            if not await differing(city, [a for a in city.actors if a.role in rule.roles]):
                survivors.append(name)
    for rule in RULES:
        with mock.patch.object(visibility, "RULES", tuple(each for each in RULES if each is not rule)):
            if not await differing(city, [a for a in city.actors if a.role in rule.roles]):
                survivors.append(f"no {rule.name}")
    assert survivors == []


@sqlite
async def test_control_the_rules_as_they_are_differ_nowhere(city: City) -> None:
    """Or else every mutant would be caught."""
    assert await differing(city, city.actors) == ""


@sqlite
async def test_a_delegation_that_is_not_in_force_counts_for_nothing(city: City) -> None:
    for relation, lenient in (
        ("delegate of-later", lambda self, now: now < self.ends_at and self.revoked_at is None),
        ("delegate of-revoked", lambda self, now: self.begins_at <= now < self.ends_at),
    ):
        with mock.patch.object(Delegation, "is_live", lenient):
            assert await differing(city, [a for a in city.actors if a.relation == relation])


@sqlite
async def test_break_glass_shows_numbers_masked(city: City) -> None:
    with mock.patch("onenet.services.break_glass.EMERGENCY", replace(EMERGENCY, identity=Identity.FULL)):
        assert await differing(city, [a for a in city.actors if a.relation == "holder of break-glass"])


@sqlite
async def test_no_role_can_be_given_a_permission_unseen(city: City) -> None:
    """Each permission that a role lacks, given to it: a cell that said 403 says something else."""
    # Of documents none is anybody's who acts for nobody, whatever they may ask for.
    asked = [route for route in routes(city) if "/document" not in route]
    route_of = {truth_table.permission_of(city, route): route for route in asked}
    by_token = [a for a in city.actors if a.headers.get("Authorization", "").startswith("Bearer ey")]
    unseen = []
    for role in set(Role) - {Role.FRONTEND}:  # a front-end has a key, which names its permissions
        somebody = next(a for a in by_token if a.role == role)
        for permission in sorted(EVERY_PERMISSION - PERMISSIONS[role]):
            more = {**PERMISSIONS, role: PERMISSIONS[role] | {permission}}
            with mock.patch("onenet.services.tokens.PERMISSIONS", more):
                if not await differing(city, [somebody], (route_of[permission],)):
                    unseen.append((role, permission))
    # A department's system is nobody's subject: there is nothing of its own that it could be told.
    own = (
        "access-log:read", "consents:read", "consents:write", "delegations:read", "delegations:write",
        "own-data:export",
    )  # fmt: skip
    assert sorted(unseen) == [(Role.DEPARTMENT, permission) for permission in own]


async def differing(city: City, actors: list[Actor], asked: tuple[str, ...] = SHOWING) -> str:
    """The first cell that is not as committed; nothing when all are."""
    known = committed()
    for actor in actors:
        for route in asked:
            found = await cell(city, actor, route)
            if found != known[actor.role, actor.relation, route]:
                return f"{actor.name}, {route}: {found}"
    return ""
