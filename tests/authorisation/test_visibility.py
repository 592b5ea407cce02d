"""The criterion of queries and the answer about a case at hand are one rule: on random people and cases."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from onenet.domain.case import Case
from onenet.domain.commands import HandleTicket, Open
from onenet.domain.delegation import Delegation, Owner
from onenet.domain.opinion_acts import AskOpinion
from onenet.domain.outcome import Accepted
from onenet.domain.principal import PERMISSIONS, Principal, Role
from onenet.domain.procedures import opinions_of
from onenet.domain.states import StepState
from onenet.domain.tickets import BUNDLE, DispatchTicket, ReturnTicket, Round, Ticket, TicketKind
from onenet.domain.visibility import RULES, Subject, Visible, visible
from onenet.ids import new_id
from onenet.store import opinions, tables
from onenet.store.database import Database
from onenet.store.visibility import criterion, sees
from tests.domain.walk import Walk, begin
from tests.factories import NOW, make_blank, make_bundle, make_content, make_member, names
from tests.store.seeding import save_new

pytestmark = pytest.mark.anyio

CLIENTS, SUBJECTS, DEPARTMENTS = ("app", "portal"), ("s-1", "s-2", "s-3"), ("police", "bank", "health")
PLACES, BUNDLES = ("suzhou", "kunshan", "wujiang"), ("newborn", "moving")


def a_walk(chance: random.Random) -> Walk:
    members = [
        make_member(code, department=chance.choice(DEPARTMENTS), when=chance.choice((None, "false")))
        for code in ("a", "b", "c")[: chance.randint(1, 3)]
    ]
    walk = begin(make_bundle(*members, code=chance.choice(BUNDLES)))
    walk.case = walk.case._replace(
        client=chance.choice(CLIENTS),
        subject=chance.choice(SUBJECTS),
        jurisdiction=chance.choice(PLACES),
        receiving=chance.choice((None, *PLACES)),
    )
    return walk


def a_ticket(chance: random.Random) -> Walk:
    """A hotline ticket that was dispatched, and perhaps returned, to units that are also departments."""
    said = Ticket("ticket", "R-1", TicketKind.HELP, "the lamp is out", (Round(NOW),))
    blank = make_blank(BUNDLE, content=replace(make_content(), procedures=(said,)))
    walk = Walk(blank._replace(
        client=chance.choice(CLIENTS), subject=chance.choice(SUBJECTS), jurisdiction=chance.choice(PLACES)
    ))  # fmt: skip
    walk.tell(Open())
    lead, co = chance.sample(DEPARTMENTS, 2)
    walk.tell(HandleTicket(DispatchTicket(lead, (co,))))
    if chance.random() < 0.5:
        walk.tell(HandleTicket(ReturnTicket(chance.choice((lead, co)), "not our duty")))
    return walk


def somebody(chance: random.Random, cases: list[Case]) -> Visible:
    role = chance.choice(list(Role))
    who = Principal(
        role,
        chance.choice(CLIENTS),
        PERMISSIONS[role],
        subject=chance.choice((None, *SUBJECTS)),
        department=chance.choice((None, *DEPARTMENTS)),
        visitor=chance.choice((None, *SUBJECTS)),
    )
    places = frozenset(chance.sample(PLACES, chance.randint(0, 2)))
    given = [
        Delegation(
            new_id(),
            Owner(chance.choice(CLIENTS), chance.choice(SUBJECTS)),
            Owner(who.client, who.subject or ""),
            NOW,
            NOW + timedelta(days=1),
            frozenset() if of_case else frozenset(chance.sample(BUNDLES, chance.randint(1, 2))),
            chance.choice(cases).id if of_case else None,
        )
        for of_case in chance.choices((True, False), k=chance.randint(0, 3))
    ]
    within = chance.choice((None, places))
    return visible(who, within=within, delegations=given, of=chance.choice(list(Subject)))


async def test_lists_and_single_cases_agree_on_what_is_seen(database: Database) -> None:
    chance = random.Random(20261123)
    walks = [*(a_walk(chance) for _ in range(60)), *(a_ticket(chance) for _ in range(20))]
    cases = [walk.case for walk in walks]
    await save_new(database, walks)
    told = 0
    rules = set()
    async with database.read() as connection:
        for _ in range(250):
            seen = somebody(chance, cases)
            statement = select(tables.cases.c.id).where(criterion(seen))
            listed = set((await connection.execute(statement)).scalars())
            at_hand = {case.id: seen.sight_of(case) for case in cases}
            assert listed == {id for id, sight in at_hand.items() if sight}
            rules |= {sight.rule for sight in at_hand.values() if sight}
            one = chance.choice(cases).id
            assert await sees(connection, seen, one) is (one in listed)
            told += len(listed)
    assert rules == {rule.name for rule in RULES if rule.of is not Subject.OPINIONS}
    assert 1_000 < told < 14_000


async def test_lists_and_single_opinions_agree_on_who_is_asked(database: Database) -> None:
    chance = random.Random(20261126)
    walks = [a_walk(chance) for _ in range(20)]
    for walk in walks:
        walk.answer("a", Accepted()) if walk.step("a").state is StepState.DISPATCHED else None
        asked = chance.choice([each for each in DEPARTMENTS if each != walk.step("a").department])
        if walk.step("a").state is StepState.ACCEPTED:
            walk.tell(AskOpinion("a", asked, names(asked), "is it so?", "officer:x"))
    await save_new(database, walks)
    found = {
        each.id: (walk.case, each.department)
        for walk in walks
        for each in opinions_of(walk.step("a").procedures)
    }
    told = 0
    async with database.read() as connection:
        for _ in range(150):
            seen = somebody(chance, [walk.case for walk in walks])
            rows = await opinions.page(connection, seen, "asked", None, 100)
            at_hand = {id for id, (case, asked) in found.items() if seen.sight_of_opinion(case, asked)}
            assert {row.place.id for row in rows} == at_hand
            told += len(rows)
    assert told > 20


def test_somebody_without_a_name_owns_nothing() -> None:
    case = begin(make_bundle()).case
    for role in (Role.FRONTEND, Role.CITIZEN, Role.CLERK, Role.OFFICER, Role.DEPARTMENT):
        nobody = Principal(role, case.client, PERMISSIONS[role])
        assert visible(nobody).sight_of(case) is None
