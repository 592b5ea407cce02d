"""Re-use 复用: a document of an earlier case goes into a new one, as a copy, where its owner consents.

A document belongs to one case and goes with it. So the new case gets a copy with a key of its own: the
earlier case can be erased without it, and it is no way to the earlier case. Each is on the access log.
Source: PIPL articles 6, 14 and 23.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from onenet.domain import guidance
from onenet.domain.bundle import Bundle
from onenet.domain.case import MaterialGiven
from onenet.domain.delegation import Owner
from onenet.domain.principal import Principal
from onenet.domain.sheet import DOCUMENT_PREFIX
from onenet.errors import Fault, UnknownReference
from onenet.ids import to_text
from onenet.services import documents
from onenet.services.documents import Vault
from onenet.store import accesses, consents
from onenet.store import documents as store
from onenet.store.accesses import Access
from onenet.store.documents import DocumentRow


@dataclass(frozen=True, slots=True)
class Receiving:
    """The case that is about to be opened: by whom, of which bundle, with which answers."""

    case_id: UUID
    who: Principal
    bundle: Bundle
    answers: Mapping[str, Any]

    def departments(self, material: str) -> frozenset[str]:
        """Who will be shown this material."""
        plan = guidance.plan(self.bundle, self.answers)
        members = (self.bundle.member(code) for code in plan.members)
        return frozenset(member.department for member in members if material in member.materials)


async def with_copies(
    vault: Vault, materials: Sequence[MaterialGiven], owner: Owner, receiving: Receiving
) -> tuple[MaterialGiven, ...]:
    """The materials, with a copy in the place of each document that an earlier case of this owner has.

    Raises: UnknownReference where no consent covers one.
    """
    async with vault.database.read() as connection:
        found = await store.find(connection, [given.document for given in materials if given.document])
    made = []
    for place, given in enumerate(materials):
        row = found.get(given.document) if given.document else None
        if row is None or row.case_id in (None, receiving.case_id) or (row.client, row.subject) != owner:
            made.append(given)  # a new one, or one that is refused as it always was
        else:
            made.append(replace(given, document=await _copied(vault, row, given, place, receiving)))
    return tuple(made)


async def _copied(
    vault: Vault, row: DocumentRow, given: MaterialGiven, place: int, receiving: Receiving
) -> UUID:
    now, owner = vault.clock.now(), Owner(row.client, row.subject)
    departments = receiving.departments(given.code)
    async with vault.database.transaction() as connection:
        known = await consents.of_document(connection, owner, row.id)
        consent = next(
            (each for each in known if each.lets(row.id, receiving.bundle.code, departments, now)), None
        )
        if consent is None:
            raise _no_consent(place)
        what = (to_text(DOCUMENT_PREFIX, row.id),)
        who = receiving.who
        made = Access(row.case_id, owner, now, who.id, who.role, "own", "reuse", what, consent.purpose)
        await accesses.add(connection, [made])
    return await documents.copy(vault, row)


def _no_consent(place: int) -> UnknownReference:
    zh = "此文件属于以前的办件，再次使用须先取得同意（POST /v1/me/consents）"
    en = "An earlier case has this document: its re-use takes a consent (POST /v1/me/consents)"
    return UnknownReference(en, faults=(Fault("consent", zh, en, pointer=f"/materials/{place}/document"),))
