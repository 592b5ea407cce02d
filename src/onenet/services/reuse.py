"""Re-use 复用: a document of an earlier case goes into a new one, as a copy, where its owner consents.

A document belongs to one case and goes with it. So the new case gets a copy with a key of its own: the
earlier case can be erased without it, and it is no way to the earlier case. Copies count as what is uploaded,
are made when nothing else stands against the case, and go when it is refused. Each use is on the access log.
Source: PIPL articles 6, 14 and 23.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain import guidance
from onenet.domain.bundle import Bundle, Material
from onenet.domain.calendar import local_day
from onenet.domain.case import Case, MaterialGiven
from onenet.domain.delegation import Owner
from onenet.domain.principal import Principal
from onenet.domain.sheet import DOCUMENT_PREFIX
from onenet.domain.validity import valid_until
from onenet.domain.visibility import Visible
from onenet.errors import ConsentMissing, Fault, MaterialExpired, OnenetError, Unavailable
from onenet.ids import to_text
from onenet.services import custody, documents, within
from onenet.services.catalogue import Catalogue
from onenet.services.change import Once, Result
from onenet.services.documents import Announced, Vault, owner_of
from onenet.services.once import answered
from onenet.store import accesses, consents
from onenet.store import documents as store
from onenet.store import visibility as store_visibility
from onenet.store.accesses import Access
from onenet.store.documents import DocumentRow

Open = Callable[[Sequence[MaterialGiven]], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class Receiving:
    """The case that is about to be opened: by whom, of which bundle, with which answers, by which request.

    `again`: the earlier case that it applies again for. What was handed in there may be used for that.
    """

    case_id: UUID
    who: Principal
    catalogue: Catalogue
    bundle: Bundle
    answers: Mapping[str, Any]
    once: Once | None
    utc_offset_minutes: int
    again: Case | None = None

    def departments(self, material: str) -> frozenset[str]:
        """Who will be shown this material."""
        plan = guidance.plan(self.bundle, self.answers)
        members = (self.bundle.member(code) for code in plan.members)
        return frozenset(member.department for member in members if material in member.materials)


class Agreed(NamedTuple):
    """Who lets a document be used again, and what for."""

    owner: Owner
    purpose: str


class Use(NamedTuple):
    """A document of an earlier case in a place of the new one, where these departments are shown it."""

    place: int
    row: DocumentRow
    departments: frozenset[str]


async def around(
    opened: Open,
    vault: Vault,
    materials: Sequence[MaterialGiven],
    receiving: Receiving,
    charge: Callable[[], None],
) -> Result:
    """Opens the case with a copy in the place of each document that an earlier case of its owner has.

    `charge` is called for each copy; a repetition makes none. Raises: ConsentMissing, MaterialExpired,
    DocumentQuota, QuotaExceeded; as `custody.check`, and as the change.
    """
    if receiving.once is None or await answered(vault.database, receiving.once):
        return await opened(materials)
    uses = await _uses(vault, materials, receiving)
    if not uses:
        return await opened(materials)
    owner = owner_of(receiving.who)
    await _agreed(vault, uses, receiving)
    said = Announced(*owner, "", "", sum(use.row.size_bytes for use in uses))
    await documents.check_quota(vault, said, len(uses))
    for _ in uses:
        charge()
    made: dict[int, DocumentRow] = {}
    try:
        for use in uses:
            made[use.place] = await documents.copy(vault, use.row, owner)
        agreed = await _agreed(vault, uses, receiving)  # copying takes its time: one may be taken back
        result = await opened(_with_copies(materials, made))
    except Unavailable:
        raise  # it is not known what became of it: the upkeep will find out
    except OnenetError:
        for copy in made.values():
            await documents.erase(vault, copy)
        raise
    if not result.replayed:
        await _record(vault, uses, agreed, receiving.who)
    return result


async def is_of_own_case(connection: AsyncConnection, row: DocumentRow, own: Visible) -> bool:
    """Whether it lies in a case that this person sees without being let, whoever brought it there."""
    return row.case_id is not None and await store_visibility.sees(connection, own, row.case_id)


async def _uses(vault: Vault, materials: Sequence[MaterialGiven], receiving: Receiving) -> list[Use]:
    """What is used again. Raises: UnknownReference for what cannot be taken, used again or not."""
    uses, owner = [], owner_of(receiving.who)
    own = await within.own(receiving.catalogue, receiving.who)
    async with vault.database.read() as connection:
        found = await store.find(connection, [given.document for given in materials if given.document])
        for place, given in enumerate(materials):
            row = found.get(given.document) if given.document else None
            is_new = row is None or row.case_id in (None, receiving.case_id)
            is_again = bool(row and receiving.again and row.case_id == receiving.again.id)
            if row and not is_new and (is_again or await is_of_own_case(connection, row, own)):
                custody.check_state(row, place)
                _check_age(vault, row, place, receiving.bundle.materials[given.code], receiving)
                uses.append(Use(place, row, receiving.departments(given.code)))
            elif given.document:
                custody.check(row, place, owner, receiving.case_id)
    return uses


def _check_age(vault: Vault, row: DocumentRow, place: int, material: Material, receiving: Receiving) -> None:
    """Passes when the material is still valid, where the catalogue says how long. Raises: MaterialExpired."""
    if material.valid_days is None:
        return
    offset, handed_in_at = receiving.utc_offset_minutes, documents.read(vault.keys, row).handed_in_at
    until = valid_until(handed_in_at, material.valid_days, offset)
    if local_day(vault.clock.now(), offset) > until:
        zh, en = f"该材料已于 {until} 失效，请重新提交", f"It was valid until {until}: hand in a new one"
        fault = Fault("expired", zh, en, pointer=f"/materials/{place}/document")
        raise MaterialExpired(en, faults=(fault,))


async def _agreed(vault: Vault, uses: Sequence[Use], receiving: Receiving) -> list[Agreed]:
    """What each use rests on, as of now: a consent, or that it is the same application.

    Raises: ConsentMissing.
    """
    now, owner, code = vault.clock.now(), owner_of(receiving.who), receiving.bundle.code
    agreed = []
    async with vault.database.read() as connection:
        for use in uses:
            if (earlier := receiving.again) is not None and use.row.case_id == earlier.id:
                applicant = Owner(earlier.client, earlier.subject)
                agreed.append(Agreed(applicant, f"applied again for what was refused in {earlier.number}"))
                continue
            known = await consents.of_document(connection, owner, use.row.id)
            lets = [each for each in known if each.lets(use.row.id, code, use.departments, now)]
            if not lets:
                raise _no_consent(use)
            agreed.append(Agreed(lets[0].owner, lets[0].purpose))
    return agreed


def _with_copies(materials: Sequence[MaterialGiven], made: Mapping[int, DocumentRow]) -> list[MaterialGiven]:
    return [
        replace(given, document=made[place].id) if place in made else given
        for place, given in enumerate(materials)
    ]


async def _record(vault: Vault, uses: Sequence[Use], agreed: Sequence[Agreed], who: Principal) -> None:
    """Puts on the access log what was used. A process that is killed just before it leaves the use itself."""
    now = vault.clock.now()
    made = [
        Access(
            use.row.case_id, basis.owner, now, who.id, who.role, "own", "reuse",
            (to_text(DOCUMENT_PREFIX, use.row.id),), basis.purpose,
        )
        for use, basis in zip(uses, agreed, strict=True)
    ]  # fmt: skip
    async with vault.database.transaction() as connection:
        await accesses.add(connection, made)


def _no_consent(use: Use) -> ConsentMissing:
    to = ", ".join(sorted(use.departments))
    zh = f"此文件属于以前的办件，再次使用须先取得同意（POST /v1/me/consents），并涵盖：{to}"
    en = (
        "An earlier case has this document: its re-use takes a consent (POST /v1/me/consents) "
        f"that is in force, for this bundle, and covers: {to}"
    )
    return ConsentMissing(en, faults=(Fault("consent", zh, en, pointer=f"/materials/{use.place}/document"),))
