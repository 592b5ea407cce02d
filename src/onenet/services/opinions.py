"""Opinions: what a department was asked, without the case; and the documents that were put to it."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from onenet.domain import opinions as rules
from onenet.domain.bundle import Department
from onenet.domain.case import Case, Step
from onenet.domain.opinion_acts import OpinionAct
from onenet.domain.procedures import Opinion
from onenet.domain.sheet import DOCUMENT_PREFIX
from onenet.domain.visibility import Sight, Visible
from onenet.errors import NotFound
from onenet.ids import from_text
from onenet.services import documents
from onenet.services.advance import Gate
from onenet.services.cases import Replying, change, unknown
from onenet.services.catalogue import Catalogue
from onenet.services.change import Result
from onenet.services.documents import Document, Vault
from onenet.services.reading import Reading
from onenet.store import opinions as store
from onenet.store.database import Database
from onenet.store.opinions import Place, Row


class Found(NamedTuple):
    """An opinion, as whoever was asked sees it. The case is for us: nothing more of it is shown."""

    case: Case
    step: Step
    opinion: Opinion
    sight: Sight


async def page(
    database: Database, reading: Reading, visible: Visible, state: str, *, after: Place | None, limit: int
) -> tuple[list[Found], Place | None]:
    """Opinions in that state, the first due first, and where the next page begins, if there is one."""
    async with database.read() as connection:
        rows = await store.page(connection, visible, state, after, limit + 1)
    shown = rows[:limit]
    cases = await reading.whole({row.case_id: row.version for row in shown})
    found = [_found(cases[row.case_id], row, visible) for row in shown]
    return [each for each in found if each], shown[-1].place if len(rows) > limit else None


async def find(database: Database, reading: Reading, visible: Visible, id: UUID) -> Found:
    """One of them. Raises: NotFound, the same for one of somebody else."""
    async with database.read() as connection:
        row = await store.find(connection, visible, id)
    if row is None:
        raise NotFound
    cases = await reading.whole({row.case_id: row.version})
    found = _found(cases[row.case_id], row, visible)
    if found is None:
        raise NotFound
    return found


def _found(case: Case, row: Row, visible: Visible) -> Found | None:
    """None where it was erased since its row was read."""
    opinion = rules.find(case, row.step, row.place.id)
    sight = visible.sight_of_opinion(case, opinion.department) if opinion else None
    return Found(case, case.steps[row.step], opinion, sight) if opinion and sight else None


async def document(vault: Vault, found: Found, document_id: str) -> Document:
    """A document that was put to who is asked. Raises: NotFound for every other one."""
    id = from_text(DOCUMENT_PREFIX, document_id)
    if id is None or document_id not in rules.documents_of(found.opinion):
        raise NotFound
    row = await documents.find(vault, id)
    if row.case_id != found.case.id:
        raise NotFound
    return documents.read(vault.keys, row)


async def department(catalogue: Catalogue, code: str) -> Department:
    """The department that a body names. Raises: UnknownReference."""
    found = next((each for each in await catalogue.departments() if each.code == code), None)
    if found is None:
        raise unknown("/department", "没有此部门", "no such department")
    return found


async def take(gate: Gate, case_id: UUID, command: OpinionAct, replying: Replying) -> Result:
    """Asks, withdraws or gives one. Raises: NotFound, MoveRefused, UnknownReference, Unavailable."""
    return await gate.submit(change(case_id, command, replying))
