"""Scans: documents are shown to a virus scanner before anybody may use them.

One that could not be asked about waits and is asked about again, for as long as it takes.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import structlog

from onenet import security_log
from onenet.adapters.clamd import Clamd, ScannerAway
from onenet.encryption import Unreadable
from onenet.errors import Unavailable
from onenet.services.documents import Vault
from onenet.store import documents as store
from onenet.store import sealed
from onenet.store.document_tables import document
from onenet.store.documents import DocumentRow

LEASE = timedelta(seconds=120)
AT_ONCE = 4
LONGEST_PAUSE_S = 60
MOST_TRIES = 30_000

log = structlog.get_logger()


async def scan_due(vault: Vault, scanner: Clamd) -> int:
    """Scans what is due, a few at once; gives how many got a verdict."""
    now = vault.clock.now()
    async with vault.database.read() as connection:
        due = await store.to_scan(connection, now, AT_ONCE)
    verdicts = await asyncio.gather(*(_scan(vault, scanner, row) for row in due))
    return sum(verdicts)


async def _scan(vault: Vault, scanner: Clamd, row: DocumentRow) -> bool:
    lease = vault.clock.now() + LEASE
    if not await _change(vault, row, scan_at=lease):
        return False  # another worker has it
    leased = replace(row, scan_at=lease)
    try:
        plain = sealed.unseal(vault.keys.open(row.data_key), row.id, vault.objects.read(row.object))
        finding = await scanner.scan(plain)
    except (ScannerAway, Unavailable, LookupError, Unreadable) as error:
        tries = min(row.tries + 1, MOST_TRIES)
        again = vault.clock.now() + timedelta(seconds=min(2 ** min(tries, 10), LONGEST_PAUSE_S))
        log.warning("scan_failed", document=str(row.id), reason=str(error), tries=tries)
        await _change(vault, leased, scan_at=again, tries=tries)
        return False
    state = "clean" if finding is None else "infected"
    if finding is not None:
        log.warning("document_infected", document=str(row.id), finding=finding)
        security_log.report("document_refused", "infected", document=str(row.id))
    return await _change(vault, leased, state=state, finding=finding, scan_at=None)


async def _change(vault: Vault, row: DocumentRow, **columns: object) -> bool:
    """Writes these columns, if the document still waits as it did."""
    still = document.c.scan_at == row.scan_at
    async with vault.database.transaction() as connection:
        return await store.change(connection, row.id, still, **columns)
