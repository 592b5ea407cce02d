"""Results: the codes of a case's own results, and whether a result still stands, for whoever has its code."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple

from onenet.domain import results, verification
from onenet.domain.bundle import Names
from onenet.domain.calendar import local_day
from onenet.domain.case import Case
from onenet.domain.results import Standing
from onenet.encryption import KeyRing
from onenet.errors import NotFound
from onenet.services.cases import NOBODY
from onenet.services.catalogue import Catalogue
from onenet.store import cases as store_cases
from onenet.store import results as store_results
from onenet.store.database import Database

Issued = tuple[str, str, str]
"""The step, the result's code in it, and its number."""


class Verified(NamedTuple):
    """What is told of a result to whoever has its number and its code: nothing of whose it is."""

    number: str
    name: Names
    issuer: Names
    valid_from: str | None
    valid_until: str | None
    state: Standing
    since: str | None


def codes(ring: KeyRing, case: Case) -> Mapping[Issued, str]:
    """The codes of what was issued in a case, for its applicant. Raises: Unreadable."""
    found = store_results.codes(ring, case)
    return {(step.code, result.code, result.number or ""): str(code) for step, result, code in found}


async def verify(database: Database, catalogue: Catalogue, number: str, text: str, now: datetime) -> Verified:
    """How the result with this number stands. `text`: its code, as it was typed.

    Raises: NotFound, the same for a wrong number, a wrong code, and one of another result; each costs the
    same statements.
    """
    code = verification.read(text)
    async with database.read() as connection:
        ids = await store_results.find(connection, code)
        fetched = await store_cases.fetch(connection, ids or [NOBODY])
    for case in (await store_cases.assemble(fetched, catalogue.bundle)).values():
        offered = await catalogue.bundle(case.bundle.code, case.bundle.version)
        for step, result, right in store_results.codes(database.ring, case):
            is_right = hmac.compare_digest(str(right), str(code))
            if is_right and hmac.compare_digest((result.number or "").encode(), number.encode()):
                state, since = results.standing(result, today(case, now))
                plain = results.as_offered(case.bundle, step, result)
                return Verified(
                    number,
                    results.name_of(offered, *plain),
                    results.issuer_of(offered, *plain),
                    result.valid_from,
                    result.valid_until,
                    state,
                    since,
                )
    raise NotFound


def today(case: Case, now: datetime) -> date:
    """The day that it is in the place of the case."""
    return local_day(now, case.utc_offset_minutes)
