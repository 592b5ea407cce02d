"""Custody: a document is put aside for a case before the case is changed, and checked afterwards.

The gate commits many changes at once and knows nothing of documents, so taking one is a transaction of its
own before it: a document is marked with the case it is for. When the change is refused or lost, the upkeep
finds out: a case that does not name the document has not taken it. The id of a case that is opened with
documents follows from its Idempotency-Key and body, so that a repetition meets its own marks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from onenet.domain.bundle import Bundle
from onenet.domain.case import Case, CaseContent, MaterialGiven
from onenet.domain.delegation import Owner
from onenet.domain.principal import Principal
from onenet.errors import DocumentQuota, Fault, OnenetError, Unavailable, UnknownReference
from onenet.ids import derived_id
from onenet.services import evidence
from onenet.services.change import Once, Result
from onenet.services.documents import Vault, owner_of
from onenet.services.once import answered
from onenet.store import documents as store
from onenet.store.documents import USABLE, DocumentRow

MAX_CASE_BYTES = 200_000_000
MAX_CASE_DOCUMENTS = 100

SETTLED_AFTER = timedelta(hours=1)
"""A change of a case is committed or lost long before."""


def id_of_case(once: Once) -> UUID:
    """The id of the case that this request opens, however often it is sent."""
    return derived_id(once.scope.encode(), once.key.encode(), once.fingerprint)


@dataclass(frozen=True, slots=True)
class Custody:
    """Who brings documents and evidence to a case, and where they are. `charge` counts a copy as one more."""

    vault: Vault
    who: Principal
    charge: Callable[[], None]

    @property
    def owner(self) -> Owner:
        """Whose the documents are."""
        return owner_of(self.who)

    def with_evidence(self, bundle: Bundle, content: CaseContent, owner: Owner) -> CaseContent:
        """The content of this owner's case with evidence for tickets. Raises: as `evidence.attached`."""
        return evidence.attached(self.vault.keys, owner, bundle, content, self.vault.clock.now())

    async def around(
        self,
        submit: Callable[[], Awaitable[Result]],
        materials: Sequence[MaterialGiven],
        once: Once,
        *,
        case_id: UUID,
        case: Case | None = None,
    ) -> Result:
        """Puts the documents aside, then makes the change; `case` None: it opens the case.

        A change that is only repeated takes nothing. Raises: as `take`, and as the change.
        """
        if await answered(self.vault.database, once):
            return await submit()
        await take(self.vault, materials, owner=self.owner, case_id=case_id, case=case)
        try:
            return await submit()
        except Unavailable:
            raise  # it is not known what became of it; a repetition, or the upkeep, will find out
        except OnenetError:
            if case is None:
                await give_back(self.vault, case_id, materials)
            raise


async def take(
    vault: Vault,
    materials: Sequence[MaterialGiven],
    *,
    owner: tuple[str, str],
    case_id: UUID,
    case: Case | None = None,
) -> None:
    """Puts the documents of these materials aside for a case. `owner`: client and subject; `case`: as it is.

    Raises: UnknownReference for one that is not there, not theirs, taken or not usable; DocumentQuota.
    """
    wanted = {m.document: place for place, m in enumerate(materials) if m.document is not None}
    if not wanted:
        return
    before = {m.document for m in case.content.materials if m.document} if case else set[UUID]()
    now = vault.clock.now()
    async with vault.database.transaction() as connection:
        found = await store.find(connection, [*{*wanted, *before}])
        for id, place in wanted.items():
            check(found.get(id), place, owner, case_id)
        _check_sizes([row for row in found.values() if row.id in before or row.id in wanted])
        for id, place in wanted.items():
            if not await store.take(connection, id, case_id, now + SETTLED_AFTER):
                raise _refused(place, "taken")


def check(row: DocumentRow | None, place: int, owner: tuple[str, str], case_id: UUID) -> None:
    """Passes when this owner's case can take the document in this place. Raises: UnknownReference."""
    if row is None or (row.client, row.subject) != owner or row.state == "storing":
        raise _refused(place, "unknown")
    if row.case_id not in (None, case_id):
        raise _refused(place, "taken")
    check_state(row, place)


def check_state(row: DocumentRow, place: int) -> None:
    """Passes when the document may be used. Raises: UnknownReference."""
    if row.state not in USABLE:
        raise _refused(place, row.state)


_WHY = {
    "unknown": ("没有此文件", "There is no such document"),
    "taken": ("此文件已用于其他办件", "Another case has this document"),
    "scanning": ("文件仍在病毒扫描中，请稍后再试", "The document is still being scanned; try again soon"),
    "infected": ("文件含有病毒", "The document is infected"),
}


def _refused(place: int, why: str) -> UnknownReference:
    zh, en = _WHY[why]
    fault = Fault(why, zh, en, pointer=f"/materials/{place}/document")
    return UnknownReference(en, faults=(fault,), retry_after_s=2 if why == "scanning" else None)


def _check_sizes(rows: Sequence[DocumentRow]) -> None:
    if len(rows) > MAX_CASE_DOCUMENTS or sum(row.size_bytes for row in rows) > MAX_CASE_BYTES:
        en = f"a case has at most {MAX_CASE_DOCUMENTS} documents of {MAX_CASE_BYTES} bytes together"
        zh = f"一个办件至多 {MAX_CASE_DOCUMENTS} 个文件，合计 200 MB"
        raise DocumentQuota(en, faults=(Fault("quota", zh, en, pointer="/materials"),))


async def give_back(vault: Vault, case_id: UUID, materials: Sequence[MaterialGiven]) -> None:
    """Makes documents free again that were put aside for a case that was refused before it was opened."""
    now = vault.clock.now()
    async with vault.database.transaction() as connection:
        for material in materials:
            if material.document is not None:
                await store.set_free(connection, material.document, case_id, now + SETTLED_AFTER)
