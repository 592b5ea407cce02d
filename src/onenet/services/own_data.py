"""Own data: everything that is held about one person, for that person to take along.

Read a hundred rows at a time, with nothing open in between: however much there is, memory holds one page, and
a reader that is slow keeps nobody waiting. What lies in a case follows the rule for cases alone: a document
that somebody else brought to this person's case is in, one that this person brought to another's is not.

Source: PIPL article 45 (the right to consult, to copy and to take along).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from onenet.domain.case import Case
from onenet.domain.consent import Consent
from onenet.domain.delegation import Delegation, Owner
from onenet.domain.principal import Principal
from onenet.domain.visibility import Visible
from onenet.services import cases, documents, uploads
from onenet.services.delegations import owner_of
from onenet.services.documents import Document, Vault
from onenet.services.reading import Reading
from onenet.store import consents as store_consents
from onenet.store import delegations as store_delegations
from onenet.store import documents as store_documents
from onenet.store import drafts as store_drafts
from onenet.store import logins as store_logins
from onenet.store import visibility as store_visibility
from onenet.store.accesses import Access
from onenet.store.cases import Position
from onenet.store.documents import DocumentRow, UploadRow
from onenet.store.drafts import DraftRow
from onenet.store.events import Event
from onenet.store.logins import LoginRow

PAGE = 100

T = TypeVar("T")


class CaseEvent(NamedTuple):
    """An event, and the case that it happened to."""

    case: Case
    event: Event


class Upload(NamedTuple):
    """A document on its way, and the name of its file."""

    row: UploadRow
    filename: str


Part = Case | CaseEvent | DraftRow | Document | Upload | Delegation | Consent | LoginRow | Access


@dataclass(frozen=True, slots=True)
class Holdings:
    """Where everything lies."""

    vault: Vault
    reading: Reading

    async def of(self, who: Principal) -> AsyncIterator[Part]:
        """All that is held about this person. Raises: Forbidden for who acts for nobody, Unavailable."""
        owner = owner_of(who)
        own = await self.reading.own(who)
        async for case in _all(lambda after: self._cases(own, after)):
            yield case
            async for part in self._in_case(case, owner):
                yield part
        async for row in _all(lambda after: self._documents(owner, after)):
            if row.case_id is None or await self._is_own(own, row):
                yield documents.read(self.vault.keys, row)
        async for part in self._beside_cases(owner):
            yield part

    async def _in_case(self, case: Case, owner: Owner) -> AsyncIterator[Part]:
        database = self.vault.database

        async def events(after: Event | None) -> list[Event]:
            return await cases.events(database, case.id, after.seq if after else 0, PAGE)

        async for event in _all(events):
            yield CaseEvent(case, event)
        named = [given.document for given in case.content.materials if given.document is not None]
        async with database.read() as connection:
            found = await store_documents.find(connection, named)
        for row in found.values():
            if (row.client, row.subject) != owner:  # theirs come with all that they brought
                yield documents.read(self.vault.keys, row)

    async def _beside_cases(self, owner: Owner) -> AsyncIterator[Part]:
        async with self.vault.database.read() as connection:
            under_way = await store_documents.open_uploads(connection, *owner)
            logins = await store_logins.of_subject(connection, *owner)
            begun = await store_drafts.of_owner(connection, owner)
        for draft in begun:
            yield draft
        for upload in under_way:
            yield Upload(upload, uploads.filename_of(self.vault, upload))
        for login in logins:
            yield login
        async for delegation in _all(lambda after: self._delegations(owner, after)):
            yield delegation
        async for consent in _all(lambda after: self._consents(owner, after)):
            yield consent
        async for access in _all(lambda after: self._accesses(owner, after)):
            yield access

    async def _cases(self, own: Visible, after: Case | None) -> list[Case]:
        position = Position(after.created_at, after.id) if after else None
        return await self.reading.page(own, after=position, limit=PAGE)

    async def _documents(self, owner: Owner, after: DocumentRow | None) -> list[DocumentRow]:
        place = (after.created_at, after.id) if after else None
        async with self.vault.database.read() as connection:
            return await store_documents.of_subject(connection, *owner, after=place, limit=PAGE)

    async def _is_own(self, own: Visible, row: DocumentRow) -> bool:
        async with self.vault.database.read() as connection:
            return row.case_id is not None and await store_visibility.sees(connection, own, row.case_id)

    async def _delegations(self, owner: Owner, after: Delegation | None) -> list[Delegation]:
        async with self.vault.database.read() as connection:
            return await store_delegations.about(connection, owner, PAGE, after=after)

    async def _consents(self, owner: Owner, after: Consent | None) -> list[Consent]:
        async with self.vault.database.read() as connection:
            return await store_consents.about(connection, owner, PAGE, after=after)

    async def _accesses(self, owner: Owner, after: Access | None) -> list[Access]:
        place = (after.at, after.id) if after and after.id else None
        return await self.reading.accesses.of_owner(owner, place, PAGE)


async def _all(read: Callable[[T | None], Awaitable[list[T]]]) -> AsyncIterator[T]:
    """All rows, of which `read` gives the page after one."""
    after: T | None = None
    while found := await read(after):
        for each in found:
            yield each
        after = found[-1]
