"""Document links: what a task hands a department instead of a file. A link is used once, and ends.

Its token follows from the task, the document and the keys of this house, so that each try of a task is the
same bytes; the database has its hash alone. A link that breaks off on the way is good again.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from onenet.adapters.base import TaskSheet
from onenet.domain import opinions
from onenet.domain.case import OPINION, Case
from onenet.domain.chain import canonical
from onenet.domain.sheet import DOCUMENT_PREFIX
from onenet.errors import NotFound
from onenet.ids import from_text, to_text
from onenet.services import documents
from onenet.services.documents import CaseOf, Document, Vault
from onenet.store import documents as store
from onenet.store.documents import USABLE, LinkRow

LIVES = timedelta(hours=72)
"""From each try of the task on."""

_MARK = f'"document":"{DOCUMENT_PREFIX}_'


class Links:
    """Puts links into the sheets of tasks, as they go out."""

    def __init__(self, vault: Vault, public_url: str):
        """Links lead to the service below this origin."""
        self._vault = vault
        self._public_url = public_url

    async def put_in(self, sheet: TaskSheet, task_id: UUID, case_id: UUID, department: str) -> TaskSheet:
        """The sheet with a link in the place of each document; as it is, when it has none."""
        if _MARK not in sheet.payload:
            return sheet
        wanted = [from_text(DOCUMENT_PREFIX, m["document"]) for m in _with_documents(sheet.content)]
        async with self._vault.database.read() as connection:
            found = await store.find(connection, [id for id in wanted if id is not None])
        usable = {id: row for id, row in found.items() if row.state in USABLE and row.case_id == case_id}
        tokens = {id: self._token(task_id, id) for id in usable}
        ends = self._vault.clock.now() + LIVES
        links = [
            LinkRow(hash_of(token), id, case_id, task_id, department, ends) for id, token in tokens.items()
        ]
        async with self._vault.database.transaction() as connection:
            await store.put_links(connection, links)
        content = {**sheet.content, "materials": list(sheet.content["materials"])}
        for place, material in enumerate(content["materials"]):
            id = from_text(DOCUMENT_PREFIX, material.get("document") or "")
            if id in usable:
                told = self._told(documents.read(self._vault.keys, usable[id]), tokens[id])
                content["materials"][place] = material | {"document": told}
        return replace(sheet, payload=canonical(content), content=content)

    def _told(self, found: Document, token: str) -> dict[str, Any]:
        return {
            "id": to_text(DOCUMENT_PREFIX, found.id),
            "media_type": found.row.media_type,
            "size": found.row.size_bytes,
            "sha256": found.sha256,
            "link": f"{self._public_url}/v1/document-links/{token}",
        }

    def _token(self, task_id: UUID, document_id: UUID) -> str:
        return (
            "dlk_"
            + urlsafe_b64encode(self._vault.keys.blind_index(f"link/{task_id}/{document_id}")).decode()[:22]
        )


def _with_documents(content: Any) -> list[Any]:
    return [material for material in content["materials"] if material.get("document")]


def hash_of(token: str) -> bytes:
    """What is kept of a token: 128 bits of chance need no salt."""
    return hashlib.sha256(token.encode()).digest()


async def find(
    vault: Vault, token: str, case_of: CaseOf, *, department: str | None
) -> tuple[LinkRow, Document, Case]:
    """The link, its document and the case that has it. `department`: who asks, where that is known.

    Raises: NotFound, the same for one that never was, is used up, is over, or is of another department.
    """
    async with vault.database.read() as connection:
        link = await store.find_link(connection, hash_of(token))
        if link is None or link.used_at is not None or link.expires_at <= vault.clock.now():
            raise NotFound
        row = (await store.find(connection, [link.document_id])).get(link.document_id)
    if row is None or row.state not in USABLE or department not in (None, link.department):
        raise NotFound
    case = await case_of(link.case_id)
    if case is None or not _is_needed(link, case):
        raise NotFound  # its step is no longer one that needs it, or it is not asked about it any more
    return link, documents.read(vault.keys, row), case


def _is_needed(link: LinkRow, case: Case) -> bool:
    """Whether its department still has to do with the document: by a step of its own, or as it is asked."""
    task = case.tasks.get(link.task_id)
    if task is None or task.kind != OPINION:
        return link.department in documents.departments_of(case, link.document_id)
    asked = opinions.find(case, task.step, task.id)
    return asked is not None and to_text(DOCUMENT_PREFIX, link.document_id) in opinions.documents_of(asked)


async def use(vault: Vault, link: LinkRow) -> LinkRow:
    """Uses the link up. Raises: NotFound when somebody did in the meantime."""
    now = vault.clock.now()
    async with vault.database.transaction() as connection:
        if not await store.use_link(connection, link.hash, now):
            raise NotFound
    return LinkRow(
        link.hash, link.document_id, link.case_id, link.task_id, link.department, link.expires_at, now
    )


async def give_back(vault: Vault, link: LinkRow) -> None:
    """Makes a link good again whose document did not go out whole."""
    if link.used_at is None:
        return
    async with vault.database.transaction() as connection:
        await store.give_back_link(connection, link.hash, link.used_at)
