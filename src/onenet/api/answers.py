"""Answers: JSON with an ETag, 304 where the caller has it already, stored answers given again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson
from orjson import Fragment
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import preconditions
from onenet.api.shapes import given
from onenet.store.idempotency import StoredAnswer

MEDIA_TYPE = "application/json"
PERSONAL = "private, no-store"
SHARED = "private, no-cache"
"""For the catalogue: may be kept, and is asked about before it is used."""


def as_json(members: Mapping[str, Any]) -> str:
    """The members as JSON text."""
    return orjson.dumps(members).decode()


def answer(
    request: Request,
    members: Mapping[str, Any],
    *,
    tag: str | None = None,
    cache: str = PERSONAL,
    headers: Mapping[str, str | None] | None = None,
) -> Response:
    """A 200 with an ETag, or a 304 when If-None-Match names it. `tag` None: the ETag is made of the body."""
    text = as_json(members)
    return answer_text(
        request, lambda: text, tag=tag or preconditions.entity_tag(text), cache=cache, headers=headers
    )


def answer_text(
    request: Request,
    text: Callable[[], str],
    *,
    tag: str,
    cache: str = PERSONAL,
    headers: Mapping[str, str | None] | None = None,
) -> Response:
    """The same, of members that are JSON text already; it is made only where it is sent."""
    said = {"ETag": tag, "Cache-Control": cache, "Vary": "Authorization, Accept"}
    said |= {name: value for name, value in (headers or {}).items() if value is not None}
    if preconditions.is_unchanged(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=said)
    return Response(text(), headers=said, media_type=MEDIA_TYPE)


def page(
    request: Request, items: Sequence[Mapping[str, Any] | Fragment], next_cursor: str | None
) -> dict[str, Any]:
    """The members of one page of a list; an item that is JSON text already goes in as it is."""
    here = request.url.path
    query = dict(request.query_params)
    links = {"self": _link(here, query)}
    if next_cursor is not None:
        links["next"] = _link(here, {**query, "cursor": next_cursor})
    return given({"items": list(items), "next_cursor": next_cursor, "links": links})


def _link(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def stored(kept: StoredAnswer, *, replayed: bool) -> Response:
    """An answer out of the gate: just made, or the one that the first request under this key got."""
    headers = {"Cache-Control": PERSONAL, "Vary": "Authorization, Accept", **kept.headers}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return Response(kept.body, kept.status, headers, media_type=MEDIA_TYPE)
