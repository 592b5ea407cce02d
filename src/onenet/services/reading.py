"""Reading: a case as readers want it. One that has not changed since it was read last is not read again.

A look costs one indexed row, the case's version, which every change raises; and looks that come together
share a statement. So whoever asks again and again gets the truth of this moment for little.
"""

from __future__ import annotations

from uuid import UUID

from onenet.domain.case import Case
from onenet.errors import NotFound
from onenet.recent import Recent
from onenet.services.cases import get, may_see
from onenet.services.catalogue import Catalogue
from onenet.services.together import Together
from onenet.store import cases as store_cases
from onenet.store.among import MOST_KEYS
from onenet.store.cases import Visible
from onenet.store.database import Database

MOST_KEPT = 2_000
"""Some 8 kB each."""

EVERYTHING = Visible()


class Reading:
    """Reads cases; one for a process."""

    def __init__(self, database: Database, catalogue: Catalogue):
        """Has read nothing yet."""
        self._database = database
        self._catalogue = catalogue
        self._kept: Recent[UUID, Case] = Recent(MOST_KEPT)
        self._looks: Together[UUID, int | None] = Together(
            self._look, largest=MOST_KEYS, rounds=1, keys=lambda case_id: (case_id,)
        )

    async def case(self, case_id: UUID, visible: Visible) -> Case:
        """The case as it is now. Raises: NotFound, also for a case of somebody else."""
        case = self._kept.get(case_id)
        if case is None or case.version != await self._looks.submit(case_id):
            case = await get(self._database, self._catalogue, case_id, EVERYTHING)
            self._kept.put(case_id, case)
        if not may_see(case, visible):
            raise NotFound
        return case

    async def _look(self, ids: list[UUID]) -> list[int | Exception | None]:
        async with self._database.glance() as connection:
            versions = await store_cases.versions(connection, ids)
        return [versions.get(id) for id in ids]
