"""Contents: what was said in a case, as the text that is sealed, and read from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from onenet.domain import agents, filing
from onenet.domain.case import Applicant, CaseContent, Evidence, MaterialGiven
from onenet.domain.chain import canonical
from onenet.domain.duplicates import Intended
from onenet.domain.filing import NOTHING_SAID
from onenet.encryption import DataKey
from onenet.store import procedures, sealing


def text_of(content: CaseContent) -> str:
    """What the applicant said, as it is sealed."""
    return canonical(
        {
            "applicant": _plain(content.applicant),
            "answers": content.answers,
            "form": content.form,
            "materials": [_material(material) for material in content.materials],
            **({"procedures": procedures.as_json(content.procedures)} if content.procedures else {}),
            **({"forms_sha256": content.forms_sha256} if content.forms_sha256 else {}),
            **_beside(content),
        }
    )


def _beside(content: CaseContent) -> dict[str, Any]:
    """How the application came about, where there is anything to say of it."""
    if content.duplicate is None and content.agent is None and content.filing is NOTHING_SAID:
        return {}
    duplicate = content.duplicate
    said = {
        "duplicate": duplicate and {"case": str(duplicate.case), "reason": duplicate.reason},
        "agent": content.agent and agents.as_json(content.agent),
        "filing": filing.as_json(content.filing),
    }
    return {name: value for name, value in said.items() if value}


def _read_beside(content: Mapping[str, Any]) -> dict[str, Any]:
    duplicate = content.get("duplicate")
    return {
        "duplicate": Intended(UUID(duplicate["case"]), duplicate["reason"]) if duplicate else None,
        "agent": agents.read(content.get("agent")),
        "filing": filing.read(content.get("filing")),
    }


def _plain(value: Applicant | MaterialGiven) -> dict[str, Any]:
    """The fields of a value that holds only texts; `asdict` would copy what they hold as well."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def _material(material: MaterialGiven) -> dict[str, Any]:
    if material.evidence is not None:
        return {"code": material.code, "evidence": asdict(material.evidence)}
    if material.document is None:
        return {"code": material.code, "reference": material.reference, "sha256": material.sha256}
    return {"code": material.code, "document": str(material.document)}


def _read_material(said: dict[str, Any]) -> MaterialGiven:
    if "evidence" in said:
        kept = said["evidence"]
        evidence = Evidence(**kept | {"fields": tuple(kept["fields"])})
        return MaterialGiven(said["code"], None, evidence=evidence)
    if "document" in said:
        return MaterialGiven(said["code"], None, document=UUID(said["document"]))
    return MaterialGiven(**said)


def read(stored: str, key: DataKey | None, case_id: UUID) -> CaseContent:
    """What the applicant said. Raises: Unreadable."""
    content = json.loads(sealing.unseal(key, stored, sealing.CONTENT, case_id))
    return CaseContent(
        applicant=Applicant(**content["applicant"]),
        answers=content["answers"],
        form=content["form"],
        materials=tuple(map(_read_material, content["materials"])),
        procedures=procedures.read(content.get("procedures")),
        forms_sha256=content.get("forms_sha256"),
        **_read_beside(content),
    )
