"""The description of a department's own API, which the adapter `rest` speaks by: its shape, and its check.

It comes as YAML, is checked as it is registered, and is kept as the endpoint's options. `request` says what
is sent, a template over the task's sheet; `answer` says where their word stands and what each word means, a
template over their answer that gives onenet's own words (`webhook.ANSWERS`); `poll`, where they do not call
back, how they are asked what became of a task.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from onenet.adapters import template, webhook, xml_body
from onenet.adapters.answers import Shape
from onenet.adapters.base import OUR_HEADERS
from onenet.adapters.template import Fault, Where
from onenet.destinations import NotAllowed, place_of
from onenet.domain.retry import LEAST_POLL_S, MOST_POLL_S
from onenet.errors import MisconfiguredError

SHEET = frozenset(
    {"task", "created_at", "case", "bundle", "jurisdiction", "step", "item", "names", "submission"}
    | {"applicant", "answers", "form", "materials", "results_before", "not_granted"}
    | {"results_expected", "promised", "tolerated", "commitment"}
)
"""The members of a task's sheet, in which every reference of a request begins."""

REFERENCE = "reference"
"""What the department calls a task; a reference of a poll may begin in it, too."""


def _members(shape: type[Shape]) -> Mapping[str, bool]:
    of_the_call = ("task", "outcome", "seq")
    return {name: e.is_required() for name, e in shape.model_fields.items() if name not in of_the_call}


OUTCOMES: Mapping[str, Mapping[str, bool]] = {
    "received": {},
    **{word: _members(shape) for word, shape in webhook.ANSWERS.items()},
    "try_later": {"reason": True},
    "unclear": {"reason": True},
}
"""What a word may mean: the outcome, its members, and whether they are needed."""

_REASONS = get_args(webhook.ANSWERS["rejected"].model_fields["reason_code"].annotation)

_SAID_BY_US = ("try_later", "unclear")
"""Outcomes whose reason is ours: it is shown to officers, and must not hold what was sent."""


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
    if not _SECRET.search(text) or any(template.faults(text)):
        message = "expected a reference such as ${/token}: the description is kept in the clear"
        raise PydanticCustomError("secret", message)
    return text


def _secret(text: str) -> str:
    return text if _SECRET.fullmatch(text) else _with_secret("")


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


_SECRET = re.compile(r"\$\{/([a-z][a-z0-9_]{0,63})\}")
"""A credential by its name."""

_CREDENTIAL = re.compile("/credentials/([a-z][a-z0-9_]{0,63})")
"""The same in a body, where some systems want it; never in an address, which is written down on its way."""

Secret = Annotated[str, AfterValidator(_secret)]
Pointer = Annotated[str, AfterValidator(_pointer)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
Meaning = dict[str, Any]


class RequestPart(Shape):
    """How a task is handed over: `path` below the endpoint's address, `body` as it is sent."""

    method: Literal["POST", "PUT", "PATCH"] = "POST"
    format: Literal["json", "xml", "form"] = "json"
    path: Annotated[str, AfterValidator(_path)] = ""
    headers: dict[Annotated[str, AfterValidator(_header)], HeaderValue] = Field(default={})
    body: Any


class PollPart(Shape):
    """How the department is asked what became of a task; every so many seconds at first."""

    every: Annotated[int, Field(ge=LEAST_POLL_S, le=MOST_POLL_S)]
    method: Literal["GET", "POST"] = "GET"
    format: Literal["json", "xml", "form"] = "json"
    path: Annotated[str, AfterValidator(_path)] = ""
    headers: dict[Annotated[str, AfterValidator(_header)], HeaderValue] = Field(default={})
    body: Any = None


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
    auth: AuthPart | None = None


_SHAPES: Mapping[Where, type[Shape]] = {
    (): Description,
    ("request",): RequestPart,
    ("answer",): AnswerPart,
    ("poll",): PollPart,
    ("auth",): AuthPart,
    ("auth", "header"): HeaderAuth,
    ("auth", "basic"): Basic,
    ("auth", "oauth2"): OAuth2,
}


def read(options: Mapping[str, Any]) -> Description:
    """The description that an endpoint keeps. Raises: MisconfiguredError with the first fault."""
    return _read(json.dumps(dict(options)))


@functools.lru_cache(256)
def _read(text: str) -> Description:
    value = json.loads(text)
    for fault in faults(value):
        where = "".join(f"/{step}" for step in fault.where)
        raise MisconfiguredError(f"the description{where and f' at {where}'}: {fault.message}")
    return Description.model_validate(value)


def faults(value: Any) -> list[Fault]:
    """Everything that keeps a description from being used."""
    try:
        description = Description.model_validate(value)
    except ValidationError as error:
        return [shape_fault(each, _SHAPES.__getitem__) for each in error.errors(include_url=False)]
    return [
        *_of_request(description.request, "request", SHEET),
        *_of_answer(description.answer),
        *_of_poll(description.poll, description.answer),
        *_of_auth(description.auth),
    ]


def secrets(description: Description) -> frozenset[str]:
    """The names of the credentials that the endpoint must have."""
    proof = _SECRET.findall(description.auth.model_dump_json() if description.auth else "")
    bodies = [description.request.body, description.poll.body if description.poll else None]
    named = (_CREDENTIAL.fullmatch(pointer) for _, pointer in template.references(bodies))
    return frozenset([*proof, *(found[1] for found in named if found)])


def shape_fault(error: Any, shape_at: Callable[[Where], type[Shape]]) -> Fault:
    """A fault that a shape found. `shape_at`: the shape of a mapping, by its place."""
    where: Where = tuple(error["loc"])
    match error["type"]:
        case "missing":
            return Fault(where[:-1], f"the key {where[-1]} is missing", "missing_key")
        case "extra_forbidden":
            known = ", ".join(shape_at(where[:-1]).model_fields)
            return Fault(where, f"unknown key {where[-1]}; known here are: {known}", "unknown_key")
        case "string_pattern_mismatch":
            return Fault(where[:-1], "expected a status from 200 to 299 or from 400 to 599", "bad_key")
        case _:
            message = str(error["msg"]).replace("Input should be", "expected")
            is_key = where[-1:] == ("[key]",)
            return Fault(where[:-1] if is_key else where, message, "bad_key" if is_key else "bad_value")


def _of_request(request: RequestPart | PollPart, where: str, known: Set[str]) -> Iterator[Fault]:
    for name in ("path", "headers", "body"):
        part, above = getattr(request, name), (where, name)
        yield from template.faults(part, above)
        for place, pointer in template.references(part):
            if name == "body" and _CREDENTIAL.fullmatch(pointer):
                continue
            if pointer.split("/")[1] not in known:
                message = f"{pointer} leads nowhere in a task; its members are: {', '.join(sorted(known))}"
                yield Fault((*above, *place), message, "unknown_reference")
    if not _has_no_body(request):
        yield from _of_body(request, (where, "body"))
    for name in request.headers:
        if name.lower() in ("authorization", "cookie", "proxy-authorization"):
            message = "expected no credential here, but under auth: the description is kept in the clear"
            yield Fault((where, "headers", name), message, "credential")
        else:
            yield from _of_header(name, (where, "headers", name), "bad_key")


def _of_header(name: str, where: Where, code: str) -> Iterator[Fault]:
    if name.lower() in OUR_HEADERS:
        yield Fault(where, f"expected no header {name.lower()}: onenet writes it, or leaves it out", code)


def _has_no_body(request: RequestPart | PollPart) -> bool:
    return isinstance(request, PollPart) and request.method == "GET"


def _of_poll(poll: PollPart | None, answer: AnswerPart) -> Iterator[Fault]:
    if poll is None:
        return
    yield from _of_request(poll, "poll", SHEET | {REFERENCE})
    if _has_no_body(poll) and poll.body is not None:
        yield Fault(("poll", "body"), "expected no body with GET, or method: POST", "bad_key")
    asked_by = [pointer for _, pointer in template.references([poll.path, poll.headers, poll.body])]
    if answer.reference is None and f"/{REFERENCE}" in asked_by:
        message = f"the key {REFERENCE} is missing: where in their answer the number stands they are asked by"
        yield Fault(("answer",), message, "missing_key")


def _of_auth(auth: AuthPart | None) -> Iterator[Fault]:
    if (
        auth is not None
        and len(auth.model_dump(exclude_none=True, include={"header", "basic", "oauth2"})) > 1
    ):
        yield Fault(("auth",), "expected one of header, basic, oauth2", "bad_value")
    if auth is not None and auth.header is not None:
        yield from _of_header(auth.header.name, ("auth", "header", "name"), "bad_value")


def _is_one(value: Any) -> bool:
    """Whether it is written as one element, however long lists are that are not known yet."""
    return len(value) == 1 if isinstance(value, list) else not (isinstance(value, dict) and "$as" in value)


def _of_body(request: RequestPart | PollPart, where: Where) -> Iterator[Fault]:
    """What the format asks of the body: one element at the top, or one level of names."""
    body = request.body
    if request.format == "json":
        return
    if (
        not isinstance(body, dict)
        or template.is_special(body)
        or (request.format == "xml" and not (len(body) == 1 and all(map(_is_one, body.values()))))
    ):
        what = "one element at the top" if request.format == "xml" else "a mapping"
        yield Fault(where, f"expected {what} in a body of the format {request.format}")
    elif request.format == "xml":
        yield from xml_body.faults(body, where)
    else:
        for name, value in body.items():
            is_one = "$value" in value if isinstance(value, dict) else template.as_word(value) is not None
            if not is_one:
                yield Fault(
                    (*where, name), "expected one text, number or truth value in a field", "bad_value"
                )


def _of_answer(answer: AnswerPart) -> Iterator[Fault]:
    for name in ("words", "statuses"):
        for word, meaning in getattr(answer, name).items():
            yield from meaning_faults(meaning, ("answer", name, word))


def meaning_faults(meaning: Meaning, where: Where) -> Iterator[Fault]:
    """What keeps a meaning from being an outcome with its members."""
    outcome = meaning.get("outcome")
    if not isinstance(outcome, str) or outcome not in OUTCOMES:
        known = ", ".join(OUTCOMES)
        at = (*where, "outcome") if "outcome" in meaning else where
        yield Fault(at, f"expected outcome: one of {known}", "bad_value")
        return
    members = OUTCOMES[outcome]
    for name, value in meaning.items():
        if name == "outcome":
            continue
        if name not in members:
            known = ", ".join(members) or "none"
            yield Fault((*where, name), f"unknown key {name}; {outcome} goes with: {known}", "unknown_key")
        elif outcome in _SAID_BY_US and (not isinstance(value, str) or "${" in value):
            yield Fault((*where, name), "expected words of your own, without a reference", "bad_value")
        elif name == "reason_code" and "${" not in str(value) and value not in _REASONS:
            yield Fault((*where, name), f"expected one of {', '.join(_REASONS)}", "bad_value")
        else:
            yield from template.faults(value, (*where, name))
    for name, is_needed in members.items():
        if is_needed and name not in meaning:
            yield Fault(where, f"the key {name} is missing", "missing_key")
