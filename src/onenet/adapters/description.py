"""The description of a department's own API, which the adapter `rest` speaks by: its shape, and its check.

It comes as YAML, is checked as it is registered, and is kept as the endpoint's options. `request` says what
is sent, a template over the task's sheet; `answer` says where their word stands and what each word means, a
template over their answer that gives onenet's own words (`webhook.WORDS`); `poll`, where they do not call
back, how they are asked what became of a task; `withdrawal`, how they are told that one is withdrawn;
`opinion`, how they are asked for their opinion on somebody else's step.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any, get_args

from pydantic import ValidationError

from onenet.adapters import template, webhook, xml_body
from onenet.adapters.answers import Shape
from onenet.adapters.base import OUR_HEADERS
from onenet.adapters.description_parts import (
    CREDENTIAL,
    SECRET,
    AnswerPart,
    AuthPart,
    Basic,
    Description,
    HeaderAuth,
    Meaning,
    OAuth2,
    OpinionPart,
    PollPart,
    RequestPart,
    SaidPart,
    WithdrawalPart,
)
from onenet.adapters.template import Fault, Where
from onenet.errors import MisconfiguredError

SHEET = frozenset(
    {"task", "created_at", "case", "bundle", "jurisdiction", "step", "item", "names", "submission"}
    | {"receiving", "applicant", "answers", "form", "materials", "results_before", "not_granted"}
    | {"results_expected", "promised", "tolerated", "commitment", "delivery", "subject"}
)
"""The members of a task's sheet, in which every reference of a request begins; `receiving`, `delivery` and
`subject` are in those alone whose case has such.
"""

NOTICE = frozenset(
    {"task", "withdraws", "created_at", "case", "bundle", "jurisdiction", "step", "item", "names"}
    | {"reason", "compensation", "subject"}
)
"""The same of a notice that a task is withdrawn."""

QUESTION = frozenset(
    {"task", "opinion", "created_at", "number", "item", "names", "asked_by", "question", "due_at"}
    | {"fields", "materials", "applicant"}
)
"""The same of a question; `applicant` is in those alone to which it was put."""

REFERENCE = "reference"
"""What the department calls a task; a reference of a poll or of a withdrawal may begin in it, too."""


def _members(shape: type[Shape]) -> Mapping[str, bool]:
    of_the_call = ("task", "outcome", "seq")
    return {name: e.is_required() for name, e in shape.model_fields.items() if name not in of_the_call}


OUTCOMES: Mapping[str, Mapping[str, bool]] = {
    "received": {},
    **{word: _members(shape) for word, shape in webhook.WORDS.items()},
    "try_later": {"reason": True},
    "unclear": {"reason": True},
}
"""What a word may mean: the outcome, its members, and whether they are needed."""

_REASONS = get_args(webhook.ANSWERS["rejected"].model_fields["reason_code"].annotation)

_SAID_BY_US = ("try_later", "unclear")
"""Outcomes whose reason is ours: it is shown to officers, and must not hold what was sent."""


_SHAPES: Mapping[Where, type[Shape]] = {
    (): Description,
    ("request",): RequestPart,
    ("answer",): AnswerPart,
    ("poll",): PollPart,
    ("withdrawal",): WithdrawalPart,
    ("opinion",): OpinionPart,
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
        *_of_withdrawal(description.withdrawal, description.answer),
        *(_of_request(description.opinion, "opinion", QUESTION) if description.opinion else ()),
        *_of_auth(description.auth),
    ]


def secrets(description: Description) -> frozenset[str]:
    """The names of the credentials that the endpoint must have."""
    proof = SECRET.findall(description.auth.model_dump_json() if description.auth else "")
    parts = (description.request, description.poll, description.withdrawal, description.opinion)
    bodies = [part.body for part in parts if part is not None]
    named = (CREDENTIAL.fullmatch(pointer) for _, pointer in template.references(bodies))
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


def _of_request(request: SaidPart, where: str, known: Set[str]) -> Iterator[Fault]:
    for name in ("path", "headers", "body"):
        part, above = getattr(request, name), (where, name)
        yield from template.faults(part, above)
        for place, pointer in template.references(part):
            if name == "body" and CREDENTIAL.fullmatch(pointer):
                continue
            if pointer.split("/")[1] not in known:
                message = f"{pointer} leads nowhere in a task; its members are: {', '.join(sorted(known))}"
                yield Fault((*above, *place), message, "unknown_reference")
    if not has_no_body(request):
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


def has_no_body(request: SaidPart) -> bool:
    """Whether its method goes without one."""
    return request.method in ("GET", "DELETE")


def _of_poll(poll: PollPart | None, answer: AnswerPart) -> Iterator[Fault]:
    if poll is not None:
        yield from _of_later(poll, "poll", SHEET | {REFERENCE}, answer, "they are asked by")


def _of_withdrawal(withdrawal: WithdrawalPart | None, answer: AnswerPart) -> Iterator[Fault]:
    if withdrawal is not None:
        yield from _of_later(withdrawal, "withdrawal", NOTICE | {REFERENCE}, answer, "they know the task by")


def _of_later(said: SaidPart, where: str, known: Set[str], answer: AnswerPart, why: str) -> Iterator[Fault]:
    """What is said of a task that they have: it may name it by their number."""
    yield from _of_request(said, where, known)
    if has_no_body(said) and said.body is not None:
        yield Fault((where, "body"), f"expected no body with {said.method}, or method: POST", "bad_key")
    named = [pointer for _, pointer in template.references([said.path, said.headers, said.body])]
    if answer.reference is None and f"/{REFERENCE}" in named:
        message = f"the key {REFERENCE} is missing: where in their answer the number stands {why}"
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


def _of_body(request: SaidPart, where: Where) -> Iterator[Fault]:
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
