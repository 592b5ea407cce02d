"""What a generator cannot know from the contract alone: right check characters, fresh keys, one real bundle.

Only cases that are meant to be right are touched; wrong ones are sent as they were made.
"""

from __future__ import annotations

import copy
import uuid
from typing import Any

import schemathesis
from hypothesis import strategies as st

from onenet.api import examples
from onenet.domain.identifiers import is_identity_number, is_uscc

HONEST_PDF = "%PDF-1.7\n1 0 obj\n<< >>\nendobj\nstartxref\n0\n%%EOF\n"
IDENTITY_CHECKS = "10X98765432"
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def identity_number(digits: str) -> str:
    """The number with its check character."""
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(digits))
    return digits + IDENTITY_CHECKS[total % 11]


def uscc(signs: str) -> str:
    """The code with its check character."""
    total = sum(USCC_ALPHABET.index(sign) * pow(3, place, 31) for place, sign in enumerate(signs))
    return signs + USCC_ALPHABET[-total % 31]


@schemathesis.serializer("application/pdf", "image/jpeg", "image/png", "application/ofd")
def as_it_is(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """A file is sent as it is."""
    return str(value).encode()


schemathesis.openapi.format("cn-ric", st.from_regex("[0-9]{17}", fullmatch=True).map(identity_number))
schemathesis.openapi.format("cn-uscc", st.text(USCC_ALPHABET, min_size=17, max_size=17).map(uscc))


def with_right_number(applicant: dict[str, Any]) -> dict[str, str]:
    """A number of the applicant's kind of document, where the generator put one of another kind."""
    number = applicant["id_no"]
    match applicant["id_type"]:
        case "uscc" if not is_uscc(number):
            return {"id_no": uscc("9" * 17)}
        case "resident_identity_card" | "hk_macao_taiwan_residence_permit" if not is_identity_number(number):
            return {"id_no": identity_number("3" * 17)}
        case _:
            return {}


def with_plain_integers(body: Any) -> Any:
    """The body with 1 for 1.0: JSON Schema takes them for the same, a strict reader does not."""
    match body:
        case dict():
            return {name: with_plain_integers(value) for name, value in body.items()}
        case list():
            return [with_plain_integers(value) for value in body]
        case float() if body.is_integer():
            return int(body)
        case _:
            return body


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]
) -> None:
    """Mends what is right by the contract and would be refused for what is stored."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    # A cursor is only right when the list itself gave it out.
    case.query.pop("cursor", None)
    if int(case.query.get("wait", 0)) > 1:
        case.query["wait"] = 1
    if case.operation.label == "POST /v1/documents":
        # Which bytes are a file that passes the checks, no schema says.
        case.body, case.media_type = HONEST_PDF, "application/pdf"
        case.headers["Onenet-Filename"], case.headers["Content-Type"] = "a.pdf", "application/pdf"
        return
    case.body = with_plain_integers(case.body)
    if case.operation.label in ("POST /v1/cases", "POST /v1/previews"):
        case.body = mended(case.body)


def mended(submission: Any) -> Any:
    """The application with a right number; every second one is otherwise that of the example."""
    applicant = {**submission["applicant"], **with_right_number(submission["applicant"])}
    whole = copy.deepcopy(examples.SUBMISSION) if len(str(submission)) % 2 else submission
    return {**whole, "applicant": applicant}
