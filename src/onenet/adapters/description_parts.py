"""The parts of the description of a department's own API, each with what its values may be."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from onenet.adapters import template
from onenet.adapters.answers import Shape
from onenet.destinations import NotAllowed, place_of
from onenet.domain.retry import LEAST_POLL_S, MOST_POLL_S


def _pointer(text: str) -> str:
    if not template.POINTER.fullmatch(text):
        raise PydanticCustomError("pointer", "expected a JSON Pointer, such as /data/status")
    return text


def _path(text: str) -> str:
    if text and not text.startswith("/"):
        raise PydanticCustomError("path", "expected a path that begins with /; the address is the endpoint's")
    if re.search(r"[\s\x00-\x1f\x7f#]", template.literal(text)):
        message = "expected a path without blanks, line breaks and #, such as /cases; %20 is a blank, %23 a #"
        raise PydanticCustomError("path", message)
    return text


def _header(text: str) -> str:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}", text):  # RFC 9110 section 5.6.2
        raise PydanticCustomError("header", "expected the name of a header, such as authorization")
    return text


def _header_value(text: str) -> str:
    if not re.fullmatch(r"[\t\x20-\x7e]*", template.literal(text)):
        raise PydanticCustomError(
            "header", "expected ASCII on one line; other letters are written as %E5%B0%8F"
        )
    return text


def _with_secret(text: str) -> str:
    if not SECRET.search(text) or any(template.faults(text)):
        message = "expected a reference such as ${/token}: the description is kept in the clear"
        raise PydanticCustomError("secret", message)
    return text


def _secret(text: str) -> str:
    return text if SECRET.fullmatch(text) else _with_secret("")


def _authority(text: str) -> str:
    if not text.startswith("-----BEGIN CERTIFICATE-----\n"):
        raise PydanticCustomError(
            "authority", "expected -----BEGIN CERTIFICATE----- and what follows it in PEM"
        )
    return text


def _token_url(text: str) -> str:
    try:
        place_of(text)
    except NotAllowed:
        message = "expected an address as https://login.example/token, without a user name or password"
        raise PydanticCustomError("token_url", message) from None
    return text


SECRET = re.compile(r"\$\{/([a-z][a-z0-9_]{0,63})\}")
"""A credential by its name."""

CREDENTIAL = re.compile("/credentials/([a-z][a-z0-9_]{0,63})")
"""The same in a body, where some systems want it; never in an address, which is written down on its way."""

Secret = Annotated[str, AfterValidator(_secret)]
Pointer = Annotated[str, AfterValidator(_pointer)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
Meaning = dict[str, Any]


class SaidPart(Shape):
    """Something that is said to the department: `path` below the endpoint's address, `body` as it is sent."""

    format: Literal["json", "xml", "form"] = "json"
    path: Annotated[str, AfterValidator(_path)] = ""
    headers: dict[Annotated[str, AfterValidator(_header)], HeaderValue] = Field(default={})
    method: str
    body: Any = None


class RequestPart(SaidPart):
    """How a task is handed over."""

    method: Literal["POST", "PUT", "PATCH"] = "POST"
    body: Any


class PollPart(SaidPart):
    """How the department is asked what became of a task; every so many seconds at first."""

    every: Annotated[int, Field(ge=LEAST_POLL_S, le=MOST_POLL_S)]
    method: Literal["GET", "POST"] = "GET"


class WithdrawalPart(SaidPart):
    """How the department is told that a task is withdrawn."""

    method: Literal["POST", "PUT", "PATCH", "DELETE"] = "POST"


class OpinionPart(SaidPart):
    """How the department is asked for its opinion, as one that has no step in the case."""

    method: Literal["POST", "PUT", "PATCH"] = "POST"
    body: Any


class AnswerPart(Shape):
    """Where the word, our key, their number of the task and their count stand in an answer, and what each
    word or status means. Without `task` no callback can be read.
    """

    format: Literal["json", "xml"] = "json"
    word: Pointer
    task: Pointer | None = None
    reference: Pointer | None = None
    seq: Pointer | None = None
    words: Annotated[dict[str, Meaning], Field(min_length=1)]
    statuses: dict[Annotated[str, Field(pattern="^[245][0-9]{2}$")], Meaning] = Field(default={})


class HeaderAuth(Shape):
    """A header with a secret in it: `Bearer ${/token}`."""

    name: Annotated[str, AfterValidator(_header)]
    value: Annotated[HeaderValue, AfterValidator(_with_secret)]


class Basic(Shape):
    """A user and a password, by HTTP Basic (RFC 7617)."""

    user: str
    password: Secret


class OAuth2(Shape):
    """A token for client credentials (RFC 6749 section 4.4), fetched from `token_url`."""

    token_url: Annotated[str, AfterValidator(_token_url)]
    client_id: str
    client_secret: Secret
    scope: str | None = None


class AuthPart(Shape):
    """How a department knows that it is onenet: by one of the first three, by a certificate, by a message
    signature, or by several of these.

    `authority`: PEM of who vouches for the department, where the public authorities do not.
    """

    header: HeaderAuth | None = None
    basic: Basic | None = None
    oauth2: OAuth2 | None = None
    signature: Literal["rfc9421"] | None = None
    certificate: Secret | None = None
    authority: Annotated[str, AfterValidator(_authority)] | None = None


class Description(Shape):
    """A department's own API."""

    request: RequestPart
    answer: AnswerPart
    poll: PollPart | None = None
    withdrawal: WithdrawalPart | None = None
    opinion: OpinionPart | None = None
    auth: AuthPart | None = None
