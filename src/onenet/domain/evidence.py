"""Evidence 核验凭据: what a source of certificates confirmed, as it goes into a case. Pure.

Mode 2 keeps a reference to a certificate, mode 3 that the fields were compared; neither keeps what the source
knows beyond that (PIPL article 6: no more than the purpose needs). Who consented, for what, stands in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from onenet.domain.bundle import Asks, Bundle, Material
from onenet.domain.case import Applicant, Evidence
from onenet.domain.chain import canonical
from onenet.domain.subjects import plain_names


@dataclass(frozen=True, slots=True)
class Claim:
    """What a source is told: whose certificate, and what the application says of it."""

    certificate: str
    id_type: str
    id_no: str
    fields: Mapping[str, Any]

    def digest(self) -> str:
        """By which it is known whether an application still says the same."""
        return hashlib.sha256(canonical(asdict(self)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Ticket:
    """Evidence on its way into a case of one bundle, as one material of it. `ends_at`: ISO text."""

    bundle: str
    material: str
    claim: str
    ends_at: str
    evidence: Evidence


def claim_of(
    bundle: Bundle, material: Material, asks: Asks, applicant: Applicant, form: Mapping[str, Any]
) -> Claim:
    """What the source is told of this application: the declared fields as the catalogue has them, no others.

    Where fields are compared (mode 3), the applicant's own certificate is compared with the name. A holder
    whose number is not in the form has none: the caller has checked that it is.
    """
    known = plain_names(bundle, material.code, asks.fields)
    fields = {name: form[code] for code, name in known.items() if code in form}
    if asks.holder is not None:
        return Claim(asks.certificate, "resident_identity_card", str(form[asks.holder]), fields)
    named = {"name": applicant.name} if material.mode == 3 else {}
    return Claim(asks.certificate, applicant.id_type, applicant.id_no, named | fields)
