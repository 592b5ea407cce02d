"""Problem details (RFC 9457): how every error leaves the house, and what its address documents.

The words come from the tree in `onenet.errors`: a type's title is the docstring of the class that begins its
code. A submitted value never appears: not in a fault, not in a detail, not for an error nobody foresaw.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from starlette.responses import Response

from onenet.api.negotiation import Language
from onenet.errors import Fault, MoveRefused, OnenetError

MEDIA_TYPE = "application/problem+json"
MAX_FAULTS = 20
MAX_POINTER = 64

_NO_TITLE_OF_ITS_OWN = {"internal": {"en": "Something went wrong inside onenet", "zh": "内部错误"}}


@dataclass(frozen=True, slots=True)
class RequestMark:
    """What ties a problem to its request: our id of it, and the caller's trace, when it sent one."""

    request_id: str
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem, as documented at its address."""

    code: str
    status: int
    titles: Mapping[str, str]


def problem_types() -> dict[str, ProblemType]:
    """Every problem that onenet answers with, by code."""
    return {found.code: found for found in map(problem_type, _classes(OnenetError))}


def problem_type(error: type[OnenetError]) -> ProblemType:
    """The kind that an error of this class is reported as: narrower classes share the code they inherit."""
    begins = error
    while issubclass(begins.__bases__[0], OnenetError) and begins.__bases__[0].code == error.code:
        begins = begins.__bases__[0]
    titles = _NO_TITLE_OF_ITS_OWN.get(error.code) or {
        "en": (begins.__doc__ or "").strip().splitlines()[0].rstrip("."),
        "zh": begins.title_zh,
    }
    return ProblemType(error.code, begins.status, titles)


def problem(error: OnenetError, *, public_url: str, language: Language, mark: RequestMark) -> dict[str, Any]:
    """The members of the problem that reports this error."""
    kind = problem_type(type(error))
    members: dict[str, Any] = {
        "type": error.registered_type or f"{public_url}/problems/{kind.code}",
        "title": kind.titles[language],
        "status": error.status,
        "detail": _detail(error, language),
        "instance": f"urn:onenet:request:{mark.request_id}",
        "trace_id": mark.trace_id,
        "errors": [_fault(fault) for fault in error.faults[:MAX_FAULTS]] or None,
        "violated-policies": list(error.policies) or None,
        "present": dict(error.present) if isinstance(error, MoveRefused) else None,
        "allowed": list(error.allowed) if isinstance(error, MoveRefused) else None,
    }
    return {name: value for name, value in members.items() if value is not None}


def response(error: OnenetError, *, public_url: str, language: Language, mark: RequestMark) -> Response:
    """The whole answer that reports this error."""
    members = problem(error, public_url=public_url, language=language, mark=mark)
    headers = {
        "Content-Language": "zh-CN" if language == "zh" else "en",
        "Cache-Control": "no-store",
        "Link": f'<{public_url}/problems/{problem_type(type(error)).code}>; rel="describedby"',
    }
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="onenet"'
    body = json.dumps(members, ensure_ascii=False, allow_nan=False).encode()
    return Response(body, error.status, headers, media_type=MEDIA_TYPE)


def _detail(error: OnenetError, language: Language) -> str | None:
    """For people. Particulars that lower layers word in English only are left out in Chinese."""
    count = len(error.faults)
    if language == "zh":
        return f"共有 {count} 处不符合要求" if count else None
    if error.detail:
        return error.detail
    return f"{count} {'thing is' if count == 1 else 'things are'} not as expected" if count else None


def _fault(fault: Fault) -> dict[str, str]:
    said = {name: value for name, value in asdict(fault).items() if value is not None}
    if fault.pointer is not None:
        said["pointer"] = fault.pointer[:MAX_POINTER]
    return said


def _classes(base: type[OnenetError]) -> Iterator[type[OnenetError]]:
    yield base
    for narrower in base.__subclasses__():
        yield from _classes(narrower)
