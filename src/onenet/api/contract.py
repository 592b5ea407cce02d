"""Pieces of the contract that operations are described with: answers, problems, headers, links."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel

from onenet.api import idempotency, problems
from onenet.domain import moves
from onenet.domain.states import CaseState, StepState
from onenet.errors import MoveRefused, QuotaExceeded

TAG_HEADER = {"ETag": {"description": "Names this version.", "schema": {"type": "string"}}}

RETRY_HEADERS = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}
}

HEADER_PARAMETERS: Mapping[str, dict[str, Any]] = {
    "Onenet-Subject": {
        "required": False,
        "description": "For whom a front-end or a clerk acts: an opaque name out of their own world."
        " Whoever of them leaves it out is answered 403; everybody else needs none.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
        "example": "citizen-7f3a",
    },
    "Onenet-Delegation": {
        "required": False,
        "description": "The delegation by which the application is sent in for somebody else.",
        "schema": {"type": "string", "pattern": "^dlg_[0-7][0-9A-HJKMNP-TV-Z]{25}$"},
    },
    "Onenet-Tracking-Secret": {
        "required": True,
        "description": "The secret that the answer to the submission told.",
        "schema": {"type": "string", "pattern": "^[0-9A-Za-z_-]{1,64}$"},
        "example": "v6xB1oQm0n8Zk3yWc2aTtA",
    },
    "Idempotency-Key": {
        "required": True,
        "description": "One key, advisably a UUID, for one thing to do; sent again with each retry.",
        "schema": {"type": "string", "pattern": idempotency.PATTERN},
        "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
    },
    "Onenet-Filename": {
        "required": True,
        "description": "The name of the file in UTF-8, percent-encoded, with the extension of its type.",
        "schema": {"type": "string", "format": "encoded-filename"},
        "example": "%E8%BA%AB%E4%BB%BD%E8%AF%81.pdf",
    },
    "If-Match": {
        "required": False,
        "description": "The ETag of what is to be changed as it was last seen; refused when it has moved.",
        "schema": {"type": "string", "pattern": r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$'},
    },
    "If-None-Match": {
        "required": False,
        "description": "The ETag that the caller has; answered 304 when it is still right.",
        "schema": {"type": "string"},
    },
    "Prefer": {
        "required": False,
        "description": "`wait=5` waits so many seconds, at most 25, for a department's first answer.",
        "schema": {"type": "string"},
    },
    "Last-Event-ID": {
        "required": False,
        "description": "The last event that a stream delivered; takes the place of `since`.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,9}$"},
    },
}

_SAME_SUBJECT = {"header.Onenet-Subject": "$request.header.Onenet-Subject"}
_THE_CASE = {"path.case_id": "$response.body#/id", **_SAME_SUBJECT}
_UNCHANGED = {"header.If-Match": "$response.header.ETag"}

CASE_LINKS: Mapping[str, dict[str, Any]] = {
    "read": {"operationId": "get_case", "parameters": _THE_CASE},
    "steps": {"operationId": "list_steps", "parameters": _THE_CASE},
    "events": {"operationId": "list_events", "parameters": _THE_CASE},
    "withdrawal": {"operationId": "withdraw_case", "parameters": {**_THE_CASE, **_UNCHANGED}},
    "ratings": {"operationId": "list_case_ratings", "parameters": _THE_CASE},
    "supplements": {"operationId": "hand_in_supplement", "parameters": {**_THE_CASE, **_UNCHANGED}},
    "progress": {
        "operationId": "get_progress",
        "parameters": {
            "path.number": "$response.body#/number",
            "header.Onenet-Tracking-Secret": "$response.body#/tracking_secret",
        },
    },
}


def answers_with(
    description: str,
    model: type[BaseModel],
    example: Mapping[str, Any],
    *,
    links: Mapping[str, Any] | None = None,
    content: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What an operation answers with; `content`: further media types."""
    described: dict[str, Any] = {
        "description": description,
        "model": model,
        "headers": TAG_HEADER,
        "content": {"application/json": {"example": dict(example)}, **(content or {})},
    }
    return described | ({"links": dict(links)} if links else {})


def page_of_html(description: str) -> dict[str, Any]:
    """An answer that is a page for people."""
    return {"description": description, "content": {"text/html": {"schema": {"type": "string"}}}}


def _moves() -> str:
    """The table of moves in words, for whoever is refused one."""
    of_step = [f"`{action}` while it is {_either(move.states)}" for action, move in moves.OF_STEP.items()]
    of_case = [f"`{action}` while it is {_either(move.states)}" for action, move in moves.OF_CASE.items()]
    return (
        "Of a case or step, `present` says how it is, and `allowed` what can be done now, and by whom. A step"
        f" takes {', '.join(of_step)}; a case {', '.join(of_case)}"
    )


def _either(states: Collection[CaseState] | Collection[StepState]) -> str:
    return "/".join(sorted(states))


PROBLEM_RESPONSES: Mapping[int, tuple[str, str]] = {
    400: ("BadRequest", "The request does not match this description"),
    401: ("Unauthenticated", "A valid key or signature is needed"),
    403: ("Forbidden", "Not for callers of this kind"),
    404: ("NotFound", "No such object, or not the caller's"),
    405: ("MethodNotAllowed", "The method is not served here"),
    408: ("RequestTimeout", "The body did not arrive in time"),
    406: ("NotAcceptable", "None of the accepted media types is served here"),
    409: ("Conflict", f"What is stored does not allow this. {_moves()}"),
    412: ("PreconditionFailed", "The object has changed since the version that If-Match names"),
    413: ("PayloadTooLarge", "The body is too large"),
    415: ("UnsupportedMediaType", "The body is not of a type that is taken here"),
    422: ("KeyReused", "The Idempotency-Key was used with another request"),
    428: ("PreconditionRequired", "The change needs an If-Match that names the version it is of"),
    429: ("QuotaExceeded", "Too many requests for now; `Retry-After` says for how long"),
    431: ("HeadTooLarge", "The head is larger than 64 kB, or has more than 100 fields"),
    500: ("Internal", "Something went wrong inside onenet"),
    503: ("Unavailable", "Not now; try again under the same Idempotency-Key"),
}
"""Component name and description of each problem answer, by status."""


def problem_components() -> dict[str, Any]:
    """The shared problem answers."""
    return {name: _problem_response(status, text) for status, (name, text) in PROBLEM_RESPONSES.items()}


_REFUSED: Mapping[str, Any] = {
    "present": {"case": "in_progress", "step": "enrolment", "state": "suspended"},
    "allowed": [
        {"action": "resumed", "by": ["department"]},
        {"action": "withdraw", "by": ["applicant"]},
    ],
}


def _problem_response(status: int, description: str) -> dict[str, Any]:
    codes = sorted(kind.code for kind in problems.problem_types().values() if kind.status == status)
    registered = QuotaExceeded.registered_type if status == QuotaExceeded.status else None
    example = {
        "type": registered or f"https://onenet.example/problems/{codes[0]}",
        "title": problems.problem_types()[codes[0]].titles["en"],
        "status": status,
        "instance": "urn:onenet:request:req_01JDC0PSQ6YWF8N2G6W1B9ZK3M",
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    if status == MoveRefused.status:
        example |= _REFUSED
    if status == QuotaExceeded.status:
        example["violated-policies"] = ["subject"]
    headers = {"headers": RETRY_HEADERS} if status in (QuotaExceeded.status, 503) else {}
    return {
        **headers,
        "description": f"{description}. Types: {', '.join(codes)}.",
        "content": {problems.MEDIA_TYPE: {"schema": schema, "example": example}},
    }
