"""Upkeep of documents: what nobody wants any more goes, what a case took is its for good.

A document is looked at when its time has come. Taken by a case that names it, or put to a department that is
asked for an opinion: it stays, whatever is handed in in its place. Put aside for a case that does neither: it
is free again. Free, and a draft of its owner names it: it is looked at again a day
later. Free, and nobody came for it: it goes.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from onenet.adapters.clamd import Clamd
from onenet.clock import comes
from onenet.domain import opinions
from onenet.domain.case import Case
from onenet.domain.procedures import opinions_of
from onenet.domain.sheet import DOCUMENT_PREFIX
from onenet.errors import Unavailable
from onenet.ids import to_text
from onenet.services import documents, drafts, scans, uploads
from onenet.services.document_links import Links
from onenet.services.documents import FREE_FOR, STORING_FOR, CaseOf, Vault
from onenet.store import documents as store
from onenet.store.document_tables import document
from onenet.store.documents import USABLE, DocumentRow

EVERY_S = 60.0
SCAN_EVERY_S = 1.0
BATCH = 50
LEFT_BEHIND = timedelta(days=1)
"""Files that a crash left half written, and links that are over, go after this."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Caretaker:
    """What a worker does for documents beside handing out tasks: scans, upkeep, links for the tasks."""

    vault: Vault
    links: Links
    case_of: CaseOf
    scanner: Clamd | None

    async def run(self, stopping: asyncio.Event) -> None:
        """Works until `stopping`."""
        await asyncio.gather(self._scan(stopping), self._keep(stopping))

    async def _scan(self, stopping: asyncio.Event) -> None:
        while self.scanner is not None and not stopping.is_set():
            try:
                done = await scans.scan_due(self.vault, self.scanner)
            except Unavailable:
                done = 0  # the database has told the log
            except Exception:
                done = 0
                log.exception("scans_failed")
            if not done:
                await comes(stopping, SCAN_EVERY_S)

    async def _keep(self, stopping: asyncio.Event) -> None:
        while not await comes(stopping, EVERY_S):
            try:
                await look_round(self.vault, self.case_of)
            except Unavailable:
                continue  # the database, or the place of the objects, will be back
            except Exception:
                log.exception("upkeep_failed")


async def look_round(vault: Vault, case_of: CaseOf) -> None:
    """Looks at all that is due."""
    now = vault.clock.now()
    while True:
        async with vault.database.read() as connection:
            due = await store.to_check(connection, now, BATCH)
        for row in due:
            await _look_at(vault, row, case_of)
        if len(due) < BATCH:
            break
    async with vault.database.read() as connection:
        over = await store.expired_uploads(connection, now, BATCH)
    for upload in over:
        await asyncio.to_thread(vault.objects.remove_below, uploads.folder_of(upload))
        async with vault.database.transaction() as connection:
            await store.remove_upload(connection, upload.id, before=now)
    async with vault.database.transaction() as connection:
        await store.remove_expired_links(connection, now - LEFT_BEHIND)
    await asyncio.to_thread(vault.objects.tidy, now - LEFT_BEHIND)


async def _look_at(vault: Vault, row: DocumentRow, case_of: CaseOf) -> None:
    now = vault.clock.now()
    if row.case_id is not None:
        case = await case_of(row.case_id)
        if case is not None and _is_of(case, row.id):
            await _change(vault, row, check_at=None)
        else:
            await _change(vault, row, case_id=None, check_at=now + FREE_FOR)
    elif row.state == "scanning":
        await _change(vault, row, check_at=now + FREE_FOR)  # no verdict yet, which is not its owner's fault
    elif row.state in USABLE and await drafts.is_wanted(vault.database, row):
        await _change(vault, row, check_at=now + FREE_FOR)
    elif row.state == "storing" or await _change(
        vault, row, state="storing", scan_at=None, check_at=now + STORING_FOR
    ):
        # From here on nobody can take it; whatever is killed now, it is looked at again.
        await documents.erase(vault, row)


def _is_of(case: Case, id: UUID) -> bool:
    """Whether the case names the document, or an opinion is asked or was given on it."""
    named, name = (given.document for given in case.content.materials), to_text(DOCUMENT_PREFIX, id)
    asked = (each for step in case.steps.values() for each in opinions_of(step.procedures))
    return id in named or any(name in opinions.documents_of(each) for each in asked)


async def _change(vault: Vault, row: DocumentRow, **columns: object) -> bool:
    """Writes these columns, if nobody has done anything to the document since it was read."""
    c = document.c
    of_case = c.case_id.is_(None) if row.case_id is None else c.case_id == row.case_id
    async with vault.database.transaction() as connection:
        return await store.change(connection, row.id, c.check_at == row.check_at, of_case, **columns)
