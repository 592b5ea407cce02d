"""How every page is made: its language, its headers, its template. No page holds a script."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from urllib.parse import urlencode

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from onenet import __version__
from onenet.console.desk_words import DESK
from onenet.console.opinion_words import OPINION
from onenet.console.rating_words import RATING
from onenet.console.result_words import RESULTS
from onenet.console.ticket_words import TICKET
from onenet.console.words import PAGE, Language

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: the browser would send `Origin: null` with a form. No address holds a secret.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language, Cookie",
}
HTML_LANGUAGES = {"zh": "zh-CN", "en": "en"}

_WORDS = {**PAGE, **DESK, **OPINION, **RATING, **RESULTS, **TICKET}
_STYLE = (files("onenet.console") / "static" / "page.css").read_text(encoding="utf-8")
_STYLE_MARK = sha256(_STYLE.encode()).hexdigest()[:12]
_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("onenet.console"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def language_of(request: Request) -> Language:
    """`?lang=`, or else whichever of the two the browser names first; Chinese where it names neither."""
    asked = request.query_params.get("lang")
    for tag in [asked or "", *request.headers.get("accept-language", "").lower().split(",")]:
        match tag.strip().partition(";")[0].partition("-")[0]:
            case "zh":
                return "zh"
            case "en":
                return "en"
            case _:
                continue
    return "zh"


def language_query(request: Request) -> str:
    """The language that was chosen, as the query of the next address."""
    chosen = request.query_params.get("lang")
    return f"?{urlencode({'lang': chosen})}" if chosen in ("zh", "en") else ""


def page(template: str, request: Request, *, status: int = 200, **known: object) -> Response:
    """The page, in the reader's language."""
    language = language_of(request)

    def address(**changes: str) -> str:
        """This page with these parameters changed. Its path, which anybody may have typed, is left out."""
        kept = {name: value for name, value in request.query_params.items() if name != "secret"}
        return f"?{urlencode({**kept, **changes})}"

    def say(key: str, **places: object) -> str:
        return _WORDS[key][language].format(**places)

    html = _TEMPLATES.get_template(template).render(
        **known,
        say=say,
        address=address,
        language_query=language_query(request),
        lang=HTML_LANGUAGES[language],
        masthead=_masthead(request.scope["path"]),
        other="en" if language == "zh" else "zh",
        other_lang=HTML_LANGUAGES["en" if language == "zh" else "zh"],
        version=__version__,
        style=f"/static/page.css?v={_STYLE_MARK}",
    )
    return HTMLResponse(html, status, {**HEADERS, "Content-Language": HTML_LANGUAGES[language]})


def _masthead(path: str) -> str:
    """The words above the page: whose, or what, it is."""
    first = path.split("/")[1]
    return {"console": "office", "verify": "verify"}.get(first, "title")


async def stylesheet(request: Request) -> Response:
    """The style of all pages; its address changes with its content."""
    cached = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(_STYLE, headers=cached, media_type="text/css")
