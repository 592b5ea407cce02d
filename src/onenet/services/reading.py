"""Reading: a case as one principal may see it. One that has not changed since is not read again.

A look costs one indexed row, the case's version, which every change raises; and looks that come together
share a statement. So whoever asks again and again gets the truth of this moment for little. A foreign case
and none at all cost the same statements: time tells nobody which ids there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from onenet.domain.case import Case
from onenet.domain.delegation import Owner
from onenet.domain.principal import Principal, Role
from onenet.domain.unreachable import as_it_waits, is_on_its_way
from onenet.domain.visibility import EVERYTHING, Sight, Subject, Visible, visible
from onenet.errors import NotFound
from onenet.recent import Recent
from onenet.services import within
from onenet.services.accesses import Accesses
from onenet.services.cases import get
from onenet.services.catalogue import Catalogue
from onenet.services.health import Standings
from onenet.services.together import Together
from onenet.store import cases as store_cases
from onenet.store import delegations
from onenet.store import visibility as store_visibility
from onenet.store.accesses import Access
from onenet.store.among import MOST_KEYS
from onenet.store.cases import Position
from onenet.store.database import Database

MOST_KEPT = 2_000
"""Some 8 kB each."""

DELEGATES = frozenset({Role.FRONTEND, Role.CITIZEN, Role.AGENT})
"""Roles whose subject may have been given a delegation."""


class Seen(NamedTuple):
    """A case, and how it is seen."""

    case: Case
    sight: Sight


class Reading:
    """Reads cases, and notes who did; one for a process."""

    def __init__(self, database: Database, catalogue: Catalogue, standings: Standings | None = None):
        """Has read nothing yet. `standings`: which departments cannot be reached; all can without it."""
        self._standings = standings
        self.accesses = Accesses(database)
        self._database = database
        self._catalogue = catalogue
        self._kept: Recent[UUID, Case] = Recent(MOST_KEPT)
        self._looks: Together[UUID, int | None] = Together(
            self._look, largest=MOST_KEYS, rounds=1, keys=lambda case_id: (case_id,)
        )

    async def visible(self, who: Principal, now: datetime, *, of: Subject = Subject.CASES) -> Visible:
        """Everything that this principal sees now, by itself and by what it was given."""
        codes = await within.places(self._catalogue, who)
        if who.role not in DELEGATES or who.subject is None:
            return visible(who, within=codes, of=of)
        async with self._database.glance() as connection:
            given = await delegations.to(connection, Owner(who.client, who.subject), now)
        live = [each for each in given if each.is_live(now)]
        return visible(who, within=codes, delegations=live, of=of)

    async def own(self, who: Principal) -> Visible:
        """What this principal sees by itself."""
        return await within.own(self._catalogue, who)

    async def case(
        self,
        case_id: UUID,
        who: Principal,
        now: datetime,
        *,
        what: str | None = "case",
        of: Subject = Subject.CASES,
    ) -> Seen:
        """The case as it is now; noted, unless the caller does that (`what` None).

        Raises: NotFound, also for a case of somebody else; Unavailable.
        """
        ways = visible(who, within=await within.places(self._catalogue, who), of=of)
        kept = self._kept.get(case_id)
        if kept is None or ways.sight_of(kept) is None:
            ways = await self.visible(who, now, of=of)
            async with self._database.glance() as connection:
                if not await store_visibility.sees(connection, ways, case_id):
                    raise NotFound
        case = await self._as_it_waits(await self._fresh(case_id))
        sight = ways.sight_of(case)
        if sight is None:
            raise NotFound
        if what is not None:
            self.note([Seen(case, sight)], who, now, what)
        return Seen(case, sight)

    async def page(
        self,
        ways: Visible,
        *,
        state: str | None = None,
        bundle: str | None = None,
        after: Position | None = None,
        limit: int,
    ) -> list[Case]:
        """Cases, newest first; ask for one more than you show to know whether there is a next page."""
        async with self._database.read() as connection:
            versions = await store_cases.page(
                connection, ways, state=state, bundle=bundle, after=after, limit=limit
            )
        found = await self.whole(versions)
        return [found[id] for id in versions]

    async def whole(self, versions: Mapping[UUID, int]) -> dict[UUID, Case]:
        """The cases of these ids, whose versions were just looked up; only what has moved is read."""
        kept = {id: self._kept.get(id) for id in versions}
        found = {id: case for id, case in kept.items() if case and case.version == versions[id]}
        if len(found) < len(versions):
            async with self._database.read() as connection:
                fetched = await store_cases.fetch(connection, versions.keys() - found.keys())
            for id, case in (await store_cases.assemble(fetched, self._catalogue.bundle)).items():
                found[id] = case
                self._kept.put(id, case)
        return {id: await self._as_it_waits(case) for id, case in found.items()}

    async def _as_it_waits(self, case: Case) -> Case:
        if self._standings is None or not any(is_on_its_way(case, step) for step in case.steps.values()):
            return case
        return as_it_waits(case, await self._standings.shut())

    def note(self, looks: list[Seen], who: Principal, now: datetime, what: str) -> None:
        """Notes who looked at these. An owner who looks how the own case stands is no news to anybody."""
        for case, sight in looks:
            if sight.rule != "own":
                self.accesses.note(access(case, sight, who, now, what))

    async def _fresh(self, case_id: UUID) -> Case:
        case = self._kept.get(case_id)
        if case is None or case.version != await self._looks.submit(case_id):
            case = await get(self._database, self._catalogue, case_id, EVERYTHING)
            self._kept.put(case_id, case)
        return case

    async def _look(self, ids: list[UUID]) -> list[int | Exception | None]:
        async with self._database.glance() as connection:
            versions = await store_cases.versions(connection, ids)
        return [versions.get(id) for id in ids]


def access(case: Case, sight: Sight, who: Principal, now: datetime, what: str) -> Access:
    """The record of a look."""
    return Access(case.id, Owner(case.client, case.subject), now, who.id, who.role, sight.rule, what)
