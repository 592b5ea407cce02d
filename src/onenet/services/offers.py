"""Offers: what somebody handed in before and may use again, so that nobody looks for it a second time.

Only what the catalogue gives a validity is offered, and of each material the newest. An offer moves nothing:
it is taken by naming the document in a submission, under a consent (`reuse`). Source: domain.md section 15;
ORD716 article 7 (what the administration has may not be demanded again).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from onenet.domain.bundle import Bundle
from onenet.domain.calendar import local_day
from onenet.domain.case import Case
from onenet.domain.delegation import Owner
from onenet.domain.validity import valid_until
from onenet.services import documents
from onenet.services.catalogue import Catalogue
from onenet.services.documents import Document, Vault
from onenet.store import cases as store_cases
from onenet.store import documents as store

MOST = 100
"""Documents that are looked at, the newest first."""


class Offer(NamedTuple):
    """A document of an earlier case that may be this material again, until the end of a day."""

    material: str
    document: Document
    case_id: UUID
    handed_in_at: datetime
    valid_until: date


async def of(vault: Vault, catalogue: Catalogue, bundle: Bundle, owner: Owner) -> list[Offer]:
    """What this owner may use again in a case of the bundle, by material."""
    if not any(material.valid_days for material in bundle.materials.values()):
        return []
    async with vault.database.read() as connection:
        rows = await store.taken_of_subject(connection, *owner, limit=MOST)
        fetched = await store_cases.fetch(connection, list({row.case_id for row in rows if row.case_id}))
    found = await store_cases.assemble(fetched, catalogue.bundle)
    own = {id: case for id, case in found.items() if (case.client, case.subject) == owner}
    offers: dict[str, Offer] = {}
    for row in rows:
        if row.case_id in own:
            for offer in _offers(bundle, own[row.case_id], documents.read(vault.keys, row)):
                if local_day(vault.clock.now(), own[row.case_id].utc_offset_minutes) <= offer.valid_until:
                    offers.setdefault(offer.material, offer)
    return [offers[code] for code in bundle.materials if code in offers]


def _offers(bundle: Bundle, case: Case, found: Document) -> Iterator[Offer]:
    rules: Mapping[str, int] = {
        code: each.valid_days for code, each in bundle.materials.items() if each.valid_days is not None
    }
    for given in case.content.materials:
        if given.document == found.id and given.code in rules:
            until = valid_until(found.handed_in_at, rules[given.code], case.utc_offset_minutes)
            yield Offer(given.code, found, case.id, found.handed_in_at, until)
