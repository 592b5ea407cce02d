"""Evidence: a source is asked with the applicant's consent, and what it confirmed goes into a case.

Asked before the case, since a person waits and can hand the paper in instead. What was confirmed is given to
the front-end as a ticket: sealed for its owner, good for a day, and nowhere stored, so that nothing has to be
cleared away of those who never apply. It is good for one bundle and one material, and for an application
that says what was confirmed. That a source was asked is on the owner's access log before it is asked.
Source: PIPL articles 6, 13 to 15, 17 and 23; ORD716 article 7; docs/decisions/0048.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

from onenet.domain.bundle import Asks, Bundle, Material
from onenet.domain.calendar import local_day
from onenet.domain.case import Applicant, Case, CaseContent, Evidence, MaterialGiven
from onenet.domain.delegation import Owner
from onenet.domain.evidence import Claim, Ticket, claim_of
from onenet.domain.principal import Principal
from onenet.domain.subjects import plain_names
from onenet.encryption import KeyRing
from onenet.encryption.blobs import kid_of
from onenet.errors import (
    ConsentMissing,
    EvidenceDiffers,
    EvidenceExpired,
    Fault,
    FormInvalid,
    SourceUnknown,
    Unavailable,
    UnknownReference,
)
from onenet.ids import new_id, to_text
from onenet.services import forms
from onenet.services.sources import SourceAway, Sources
from onenet.store.accesses import Access

LIVES = timedelta(hours=24)
PREFIX = "evd_"
REFERENCE = "ask"
_PLACE = "evidence.ticket"
_MARK_BYTES = 16

Outcome = Literal["confirmed", "unknown", "differs", "expired", "unavailable"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be confirmed: a material of a bundle, for this application. `purpose` None: no consent."""

    bundle: Bundle
    material: str
    applicant: Applicant
    form: Mapping[str, Any]
    purpose: str | None
    utc_offset_minutes: int


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What came of it. `ticket` and `ends_at`: of what was confirmed; else the paper is handed in."""

    material: Material
    outcome: Outcome
    differ: tuple[str, ...] = ()
    evidence: Evidence | None = None
    ticket: str | None = None
    ends_at: datetime | None = None


def checked(wanted: Wanted) -> tuple[Material, Asks, str]:
    """The material, how its source is asked, and the purpose that was consented to.

    Raises: UnknownReference, SourceUnknown, ConsentMissing, FormInvalid.
    """
    material = wanted.bundle.materials.get(wanted.material)
    if material is None:
        raise _unknown("/material", "没有此材料", "the bundle has no such material")
    if material.asks is None:
        zh, en = "该材料没有可核验的来源，请提交材料", "No source is asked about this material: hand it in"
        raise SourceUnknown(en, faults=(Fault("source", zh, en, pointer="/material"),))
    if wanted.purpose is None:
        zh, en = "未经本人同意不得核验，可改为提交材料", "Nobody is asked without consent: hand it in instead"
        raise ConsentMissing(en, faults=(Fault("consent", zh, en, pointer="/consent"),))
    told = [code for code in _told(material.asks) if code in wanted.bundle.fields]
    schema = {
        "type": "object",
        "properties": {code: dict(wanted.bundle.fields[code].schema) for code in told},
        "required": [material.asks.holder] if material.asks.holder else [],
    }
    form = {code: wanted.form[code] for code in told if code in wanted.form}
    if faults := forms.check(forms.as_text(schema), form):
        raise FormInvalid("what is to be compared is not right yet", faults=faults)
    return material, material.asks, wanted.purpose


def _told(asks: Asks) -> tuple[str, ...]:
    return (*asks.fields, asks.holder) if asks.holder else asks.fields


def record(wanted: Wanted, owner: Owner, who: Principal, now: datetime) -> Access:
    """That a source is asked, for the owner's access log: what it is told, and for what."""
    material, asks, purpose = checked(wanted)
    fields = tuple(f"form.{code}" for code in _told(asks) if code in wanted.form)
    named = (f"materials.{material.code}", "applicant.id_no", *fields)
    return Access(None, owner, now, who.id, who.role, "own", "certificate", named, purpose)


async def ask(sources: Sources, ring: KeyRing, wanted: Wanted, owner: Owner, now: datetime) -> Confirmed:
    """Asks the source, with nothing open. Raises: as `checked`, and Unavailable without a key to seal."""
    material, asks, purpose = checked(wanted)
    if not ring.kids:
        raise Unavailable("evidence needs a key-encryption key: ONENET_KEK_FILE")
    claim = claim_of(wanted.bundle, material, asks, wanted.applicant, wanted.form)
    try:
        said = await sources.ask(asks.source, claim, reference=to_text(REFERENCE, new_id()), purpose=purpose)
    except SourceAway:
        return Confirmed(material, "unavailable")
    if asks.holder is not None and (not said.known or said.differ):
        return Confirmed(material, "differs")  # whether somebody else has one is not told
    if not said.known:
        return Confirmed(material, "unknown")
    if said.differ:
        return Confirmed(material, "differs", _in_the_form(wanted.bundle, material, asks, claim, said.differ))
    today = local_day(now, wanted.utc_offset_minutes)
    if said.valid_until is not None and said.valid_until < today:
        return Confirmed(material, "expired")
    is_linked = material.mode == 2
    evidence = Evidence(
        source=asks.source,
        certificate=asks.certificate,
        asked_at=now.isoformat(),
        purpose=purpose,
        fields=tuple(sorted(claim.fields)),
        issuer=said.issuer,
        number=said.number if is_linked else None,
        valid_until=_iso(said.valid_until),
        sha256=said.sha256 if is_linked else None,
    )
    ends_at = now + LIVES
    made = Ticket(wanted.bundle.code, material.code, claim.digest(), ends_at.isoformat(), evidence)
    return Confirmed(
        material, "confirmed", evidence=evidence, ticket=_written(ring, owner, made), ends_at=ends_at
    )


def attached(ring: KeyRing, owner: Owner, bundle: Bundle, content: CaseContent, now: datetime) -> CaseContent:
    """The content with evidence in the place of each ticket.

    Raises: UnknownReference for what is no ticket of this owner's, EvidenceExpired, EvidenceDiffers.
    """
    if not any(given.ticket for given in content.materials):
        return content
    materials = list(content.materials)
    for place, given in enumerate(content.materials):
        if given.ticket:
            ticket = _read(ring, owner, given.ticket)
            where = f"/materials/{place}/evidence"
            kept = _looked_into(ticket, given.code, where, bundle=bundle, content=content, now=now)
            materials[place] = MaterialGiven(given.code, None, evidence=kept)
    return replace(content, materials=tuple(materials))


def _looked_into(
    ticket: Ticket | None,
    code: str,
    pointer: str,
    *,
    bundle: Bundle,
    content: CaseContent,
    now: datetime,
) -> Evidence:
    """What the ticket holds, if it may be used as this material now."""
    material = bundle.materials.get(code)
    if ticket is None or material is None or material.asks is None:
        raise _unknown(pointer, "没有此核验凭据", "no such evidence")
    if (ticket.bundle, ticket.material) != (bundle.code, code):
        raise _unknown(pointer, "此核验凭据不用于该材料", "the evidence is for another material")
    if datetime.fromisoformat(ticket.ends_at) <= now:
        zh, en = "核验凭据已过期，请重新核验", "The evidence has expired: have it confirmed again"
        raise EvidenceExpired(en, faults=(Fault("expired", zh, en, pointer=pointer),))
    if _claim(bundle, material, material.asks, content) != ticket.claim:
        zh, en = (
            "申请内容与核验时不一致，请重新核验",
            "The application says something else: have it confirmed again",
        )
        raise EvidenceDiffers(en, faults=(Fault("differs", zh, en, pointer=pointer),))
    return ticket.evidence


def uses(case: Case, materials: Iterable[MaterialGiven], who: Principal, now: datetime) -> list[Access]:
    """Which of these materials of a case sources had confirmed, for its owner's access log."""
    brought = {given.code for given in materials if given.ticket}
    owner = Owner(case.client, case.subject)
    return [
        Access(
            case.id, owner, now, who.id, who.role, "own", "evidence", (f"materials.{given.code}",),
            given.evidence.purpose,
        )
        for given in case.content.materials
        if given.evidence is not None and given.code in brought
    ]  # fmt: skip


def _unknown(pointer: str, zh: str, en: str) -> UnknownReference:
    return UnknownReference(en, faults=(Fault("unknown", zh, en, pointer=pointer),))


def _claim(bundle: Bundle, material: Material, asks: Asks, content: CaseContent) -> str | None:
    if asks.holder is not None and asks.holder not in content.form:
        return None
    claim: Claim = claim_of(bundle, material, asks, content.applicant, content.form)
    return claim.digest()


def _in_the_form(
    bundle: Bundle, material: Material, asks: Asks, claim: Claim, names: Iterable[str]
) -> tuple[str, ...]:
    """Of what the source was told, the entries of these names, as the form has them."""
    codes = {name: code for code, name in plain_names(bundle, material.code, asks.fields).items()}
    return tuple(codes.get(name, name) for name in names if name in claim.fields)


# ---- tickets


def _written(ring: KeyRing, owner: Owner, ticket: Ticket) -> str:
    """The ticket in letters. A mark before it spares the stream of security events what is no ticket."""
    row = _row(owner)
    blob = ring.system().encrypt(json.dumps(asdict(ticket)).encode(), place=_PLACE, row=row)
    mark = ring.blind_index(f"{_PLACE}/{row}/{blob.hex()}")
    return PREFIX + urlsafe_b64encode(mark + blob).decode().rstrip("=")


def _read(ring: KeyRing, owner: Owner, text: str) -> Ticket | None:
    """The ticket, if it was written here for this owner."""
    letters, row = text.removeprefix(PREFIX), _row(owner)
    try:
        raw = urlsafe_b64decode(letters + "=" * (-len(letters) % 4))
    except ValueError:
        return None
    mark, blob = raw[:_MARK_BYTES], raw[_MARK_BYTES:]
    if mark not in ring.blind_indexes(f"{_PLACE}/{row}/{blob.hex()}"):
        return None
    said = json.loads(ring.system(kid_of(blob)).decrypt(blob, place=_PLACE, row=row))
    kept = said["evidence"]
    return Ticket(**said | {"evidence": Evidence(**kept | {"fields": tuple(kept["fields"])})})


def _row(owner: Owner) -> str:
    return json.dumps(owner)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
