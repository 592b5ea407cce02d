"""Persons on the wire: an applicant, and whoever acts for one, each by a document."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from onenet.api.shapes import NAME_PATTERN, Request
from onenet.domain.identifiers import is_identity_number, is_uscc, normalise_identity_number


def _identity_number(text: str) -> str:
    if is_identity_number(text):
        return normalise_identity_number(text)
    raise PydanticCustomError(
        "cn_ric",
        "not an identity number",
        {
            "words": (
                "应为 18 位半角身份证号码，末位为校验位",
                "Expected an identity number: 18 ASCII characters, the last one its check character",
            )
        },
    )


def _uscc(text: str) -> str:
    if is_uscc(text):
        return text
    raise PydanticCustomError(
        "cn_uscc",
        "not a unified social credit code",
        {
            "words": (
                "应为 18 位半角统一社会信用代码，末位为校验位",
                "Expected a social credit code: 18 ASCII characters, the last one its check character",
            )
        },
    )


def _format(name: str) -> WithJsonSchema:
    """A format without a pattern beside it: generators would take the pattern for the whole rule."""
    return WithJsonSchema({"type": "string", "format": name, "maxLength": 18})


IdentityNumber = Annotated[str, AfterValidator(_identity_number), _format("cn-ric")]
Uscc = Annotated[str, AfterValidator(_uscc), _format("cn-uscc")]
OtherNumber = Annotated[str, StringConstraints(pattern="^[0-9A-Za-z/-]{3,40}$")]
PersonName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=NAME_PATTERN),
    AfterValidator(lambda name: unicodedata.normalize("NFC", name)),
]
Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9-]{5,20}$")]


class ApplicantWithCard(Request):
    """A person with an identity card, or a residence permit of Hong Kong, Macao and Taiwan residents."""

    name: PersonName
    kind: Literal["natural_person"]
    id_type: Literal["resident_identity_card", "hk_macao_taiwan_residence_permit"]
    id_no: IdentityNumber
    phone: Phone | None = None


class ApplicantWithUscc(Request):
    """An enterprise, by its unified social credit code."""

    name: PersonName
    kind: Literal["enterprise"]
    id_type: Literal["uscc"]
    id_no: Uscc
    phone: Phone | None = None


class ApplicantOtherwise(Request):
    """Whoever has a document of another kind."""

    name: PersonName
    kind: Literal["natural_person", "enterprise"]
    id_type: Literal["passport", "other"]
    id_no: OtherNumber
    phone: Phone | None = None


AnyApplicant = Annotated[
    ApplicantWithCard | ApplicantWithUscc | ApplicantOtherwise, Field(discriminator="id_type")
]
