"""Certificates: one question to a source, and what of its answer is kept.

Out: `POST {url}` with `{"reference", "certificate", "holder": {"id_type", "id_no"}, "fields", "purpose"}` and
the source's key as a bearer token. In: 200 with `{"known": false}`, or `{"known": true}` with, where it has
them, `differ` (codes of fields that are not as it knows them), `issuer`, `number`, `valid_until`, `sha256`.
Other members are not read. A proposal: no standard says how a register is asked (domain.md section 15).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from onenet.adapters import answers, asking, wire
from onenet.adapters.asking import NotFetched
from onenet.adapters.json_reader import read_json
from onenet.domain.evidence import Claim
from onenet.errors import MalformedJson
from onenet.sources import Connected

MOST_BYTES = 65_536

Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Said(BaseModel):
    """What a source answered, as far as it is of any use."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    known: Annotated[bool, Field(strict=True)]
    differ: Annotated[tuple[Line, ...], Field(max_length=50)] = ()
    issuer: Line | None = None
    number: Line | None = None
    valid_until: date | None = None
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] | None = None


async def ask(over: wire.Wire, source: Connected, claim: Claim, *, reference: str, purpose: str) -> Said:
    """What the source says of the claim. Raises: NotFetched, with words that hold nothing of the claim."""
    question = {
        "reference": reference,
        "certificate": claim.certificate,
        "holder": {"id_type": claim.id_type, "id_no": claim.id_no},
        "fields": dict(claim.fields),
        "purpose": purpose,
    }
    body = json.dumps(question, ensure_ascii=False).encode()
    answer = await asking.ask(
        over, "POST", source.url, _headers(source), body, within_s=source.within_s, answer_bytes=MOST_BYTES
    )
    try:
        return Said.model_validate(read_json(answer))
    except MalformedJson:
        raise NotFetched("the answer is no JSON") from None
    except ValidationError as error:
        raise NotFetched(f"the answer: {answers.faults(error)}") from None


def _headers(source: Connected) -> Sequence[tuple[str, str]]:
    try:
        bearer = source.bearer()
    except OSError as error:
        raise NotFetched(f"the key cannot be read: {error.strerror}") from None
    kinds = [("accept", "application/json"), ("content-type", "application/json")]
    return [*kinds, ("authorization", f"Bearer {bearer}")]
