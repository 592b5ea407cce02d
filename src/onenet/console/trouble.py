"""Trouble: an error as a page, for the browser of a person. Programs get the same as a problem (RFC 9457)."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from onenet.console.pages import page
from onenet.errors import OnenetError

PROBLEMS = {
    403: "form_refused",
    404: "no_page",
    405: "no_page",
    429: "too_often",
    500: "failed",
    503: "unavailable",
}
"""The words for a status; what else may come is the browser's doing."""


_PAGES = re.compile(r"/(console|track)(/|$)")


def page_of(request: Request, error: OnenetError) -> Response | None:
    """The page for an error below the addresses of pages; None elsewhere, and for who wants none."""
    is_for_people = _PAGES.match(request.scope["path"]) and "text/html" in request.headers.get("accept", "")
    return trouble(request, error) if is_for_people else None


def trouble(request: Request, error: OnenetError, problem: str | None = None) -> Response:
    """The page for an error. `problem`: words that know more than its status says."""
    here = request.scope["path"]
    home = "/console/" if here.startswith("/console") else "/track"
    response = page(
        "trouble.html",
        request,
        status=error.status,
        problem=problem or PROBLEMS.get(error.status, "bad_request"),
        back=home if here != home else None,
        reference=request.state.mark.request_id,
    )
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response
