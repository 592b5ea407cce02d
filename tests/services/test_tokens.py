"""What tokens make of somebody, and how they are taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet import issuers
from onenet.adapters import dpop
from onenet.adapters.dpop import Shown
from onenet.adapters.jose import Refused
from onenet.clock import FrozenClock
from onenet.domain.principal import Principal, Role
from onenet.errors import Conflict, NotFound, Unavailable
from onenet.services import tokens
from onenet.services.tokens import KNOWN_FOR, AccessTokens, Proofs
from onenet.store import tables
from onenet.store.database import Database
from tests.issuing import TestIssuer, issuing
from tests.outward import HERE
from tests.proving import KEY, proof, thumbprint

pytestmark = pytest.mark.anyio


@pytest.fixture
def issuer() -> Iterator[TestIssuer]:
    with issuing() as made:
        yield made


@asynccontextmanager
async def believing(
    database: Database, clock: FrozenClock, issuer: TestIssuer, **changes: Any
) -> AsyncIterator[AccessTokens]:
    made = AccessTokens([issuer.settings(**changes)], database, clock, destinations=HERE)
    yield made
    await made.aclose()


async def who(
    database: Database, clock: FrozenClock, issuer: TestIssuer, claims: dict[str, Any], **changes: Any
) -> Principal:
    async with believing(database, clock, issuer, **changes) as made:
        return await made.principal(issuer.token(clock.now(), **claims))


sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@sqlite
async def test_a_citizen_is_a_subject_in_the_issuers_world(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    found = await who(database, clock, issuer, {}, roles=["citizen"])
    assert (found.role, found.client, found.subject) == (Role.CITIZEN, "city-id", "s-7f3a")
    assert (found.department, found.jurisdictions) == (None, frozenset())
    assert found.id == "citizen:city-id/s-7f3a"


@sqlite
async def test_an_officer_has_the_department_and_jurisdictions_of_the_token(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    found = await who(
        database, clock, issuer, {"dept": "health", "areas": ["gusu", "wujiang"]},
        roles=["officer"], department_claim="dept", jurisdictions_claim="areas",
    )  # fmt: skip
    assert (found.role, found.department) == (Role.OFFICER, "health")
    assert found.jurisdictions == {"gusu", "wujiang"}


@sqlite
async def test_an_issuer_of_one_department_gives_no_other(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    found = await who(
        database, clock, issuer, {"department": "police", "dept": "police"},
        roles=["officer"], department="health",
    )  # fmt: skip
    assert found.department == "health"


@sqlite
async def test_a_departments_system_is_its_department_whichever_client_speaks(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    found = await who(database, clock, issuer, {"sub": "c-9"}, roles=["department"], department="health")
    assert (found.role, found.client, found.subject, found.department) == (
        Role.DEPARTMENT, "health", None, "health",
    )  # fmt: skip


@sqlite
async def test_how_and_when_somebody_was_authenticated_is_told(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    at = int(clock.now().timestamp()) - 60
    found = await who(database, clock, issuer, {"acr": "two-factor", "auth_time": at})
    assert found.strength is not None
    assert found.strength.acr == "two-factor"
    assert found.strength.authenticated_at == clock.now() - timedelta(seconds=60)


@sqlite
@pytest.mark.parametrize(
    ("acr", "age_s", "may"), [("two", 60, True), ("one", 60, False), ("two", 4_000, False), (None, 60, False)]
)
async def test_a_decision_takes_the_strength_that_the_issuer_is_configured_with(
    database: Database, clock: FrozenClock, issuer: TestIssuer, acr: str | None, age_s: int, may: bool
) -> None:
    claims = {"acr": acr, "auth_time": int(clock.now().timestamp()) - age_s}
    found = await who(
        database, clock, issuer, claims, roles=["supervisor"], decision_acr=["two"], decision_max_age_s=3_600
    )
    assert {"steps:decide", "break-glass:approve", "break-glass:ask"} <= found.permissions or not may
    assert ("steps:decide" in found.permissions) is ("applicants:find" in found.permissions) is may
    assert "catalogue:read" in found.permissions


async def test_a_token_that_was_taken_back_is_refused_within_five_seconds(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    async with believing(database, clock, issuer) as made:
        stolen, other = issuer.token(clock.now()), issuer.token(clock.now(), jti="t-2")
        await made.principal(stolen)
        await tokens.revoke_token(database, issuer.settings(), "t-1", now=clock.now())
        clock.advance(KNOWN_FOR)
        with pytest.raises(Refused, match="revoked"):
            await made.principal(stolen)
        await made.principal(other)


@sqlite
async def test_what_was_taken_back_is_read_once_for_all_who_wait(
    database: Database, clock: FrozenClock, issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    read = database.read

    def counted() -> AbstractAsyncContextManager[AsyncConnection]:
        nonlocal reads
        reads += 1
        return read()

    monkeypatch.setattr(database, "read", counted)
    async with believing(database, clock, issuer) as made:
        shown = [issuer.token(clock.now(), jti=f"t-{number}") for number in range(50)]
        await asyncio.gather(*map(made.principal, shown))
        await asyncio.gather(*map(made.principal, shown))
    assert reads == 1


@sqlite
async def test_without_the_database_no_token_is_believed(
    database: Database, clock: FrozenClock, issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> AbstractAsyncContextManager[AsyncConnection]:
        raise Unavailable

    monkeypatch.setattr(database, "read", away)
    async with believing(database, clock, issuer) as made:
        waiting = (made.principal(issuer.token(clock.now())) for _ in range(5))
        heard = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(each) for each in heard} == {Unavailable}


async def test_all_tokens_of_a_subject_from_before_a_moment_are_refused(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    async with believing(database, clock, issuer) as made:
        old, others = issuer.token(clock.now()), issuer.token(clock.now(), sub="s-2")
        clock.advance(timedelta(seconds=10))
        await tokens.revoke_subject(
            database, issuer.settings(), "s-7f3a", before=clock.now(), now=clock.now()
        )
        with pytest.raises(Refused, match="revoked"):
            await made.principal(old)
        await made.principal(others)
        await made.principal(issuer.token(clock.now()))


@sqlite
async def test_a_token_of_the_same_name_of_another_issuer_is_not_taken_back(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    await tokens.revoke_token(database, issuer.settings(code="other"), "t-1", now=clock.now())
    assert (await who(database, clock, issuer, {})).subject == "s-7f3a"


async def test_what_was_taken_back_is_kept_until_no_token_lives_and_no_longer(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    known = issuer.settings()
    await tokens.revoke_token(database, known, "t-1", now=clock.now())
    clock.advance(tokens.KEPT_FOR - timedelta(seconds=1))
    await tokens.revoke_token(database, known, "t-2", now=clock.now())
    assert await rows(database) == 2
    clock.advance(timedelta(seconds=1))
    await tokens.revoke_token(database, known, "t-2", now=clock.now())
    assert await rows(database) == 1


async def rows(database: Database) -> int:
    async with database.read() as connection:
        return len((await connection.execute(tables.OF_IDENTITY[0].select())).all())


@sqlite
async def test_tokens_that_are_still_to_come_cannot_be_taken_back(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    later = clock.now() + timedelta(seconds=1)
    with pytest.raises(Conflict, match="a moment that has passed"):
        await tokens.revoke_subject(database, issuer.settings(), "s-1", before=later, now=clock.now())


def test_an_issuer_nobody_configured_is_told_with_those_that_are(issuer: TestIssuer) -> None:
    with pytest.raises(NotFound, match="there are: city-id"):
        tokens.issuer_called([issuer.settings()], "nobody")


def test_an_issuer_can_give_every_role_but_that_of_a_front_end() -> None:
    assert set(get_args(issuers.RoleName)) == set(Role) - {Role.FRONTEND}


@sqlite
async def test_a_proof_that_was_taken_holds_for_the_request_that_it_came_with(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    """A stream is looked at again; another request with the same proof is not let in."""
    url = "https://onenet.example/v1/cases"
    async with believing(database, clock, issuer) as made:
        token = issuer.token(clock.now(), cnf={"jkt": thumbprint(KEY)})
        shown = Shown((proof(token, url, clock.now()),), "GET", url)
        await made.principal(token, shown)
        clock.advance(timedelta(seconds=dpop.TOLERANCE_S + 1))
        await made.principal(token, replace(shown, is_again=True))
        elsewhere = replace(shown, url=url + "/1", is_again=True)
        for reason, again in (("proof_old", shown), ("proof_elsewhere", elsewhere)):
            with pytest.raises(Refused, match=reason):
                await made.principal(token, again)


@sqlite
async def test_proofs_are_remembered_for_as_long_as_they_are_right(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    """And not for ever: memory is all that they are kept in."""
    now = [0.0]
    taken = Proofs(lambda: now[0])
    assert [taken.is_new(b"a"), taken.is_new(b"a"), taken.is_new(b"b")] == [True, False, True]
    now[0] = dpop.KEPT_S + 1.0
    assert not taken.is_new(b"a")
    now[0] = 3 * dpop.KEPT_S + 3.0
    taken.is_new(b"c")
    now[0] = 5 * dpop.KEPT_S + 5.0
    assert taken.is_new(b"a")
