"""Pages about the API itself: the contract, a list of operations for people, and what each problem means.

The pages are drawn here, without a script or a file from elsewhere: they work with no network but this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Annotated, Any

from fastapi import Path
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from onenet.api import negotiation, problems
from onenet.api.answers import SHARED, answer
from onenet.api.contract import page_of_html
from onenet.api.operations import Operations
from onenet.errors import NotFound

HTML = ("text/html",)
METHODS = ("get", "post", "put", "patch", "delete")

_CONTRACT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The contract", "content": {"application/json": {"schema": {"type": "object"}}}}
}
_STYLE = (
    "body{font:16px/1.6 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "code{font-family:ui-monospace,monospace}section{border-top:1px solid #ccc;padding:.5rem 0}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#eee}a{color:#9cf}}"
)
_STYLE_ONLY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"

operations = Operations("about")


@operations("GET", "/v1/openapi.json", permission="public", answers=_CONTRACT)
async def get_contract(request: Request) -> Response:
    """Gives this document."""
    return answer(request, request.app.openapi(), cache=SHARED)


@operations("GET", "/openapi.json", permission="public", answers=_CONTRACT, in_contract=False)
async def get_contract_at_root(request: Request) -> Response:
    """Gives the same document where tools look first."""
    return answer(request, request.app.openapi(), cache=SHARED)


@operations(
    "GET",
    "/problems/{code}",
    permission="public",
    answers={200: page_of_html("What the problem means")},
    offers=HTML,
)
async def get_problem_page(
    request: Request, code: Annotated[str, Path(pattern="^[a-z][a-z-]{0,63}$")]
) -> Response:
    """Explains one type of problem: the address in its `type` leads here."""
    found = problems.problem_types().get(code)
    if found is None:
        raise NotFound
    zh, en = found.titles["zh"], found.titles["en"]
    body = f"<p lang='en'>{escape(en)}.</p><p>HTTP {found.status} · <code>{escape(code)}</code></p>"
    return _page(request, zh, f"<h1 lang='zh'>{escape(zh)}</h1>{body}")


docs = Operations("about")


@docs(
    "GET",
    "/docs",
    permission="public",
    answers={200: page_of_html("The list")},
    offers=HTML,
    in_contract=False,
)
async def get_docs(request: Request) -> Response:
    """Lists the operations for people."""
    contract = request.app.openapi()
    parts = "".join(_operation(*found) for found in _operations(contract))
    hooks = "".join(f"<li><code>{escape(name)}</code></li>" for name in contract.get("webhooks", {}))
    version = escape(contract["info"]["version"])
    head = f"<h1>onenet {version}</h1><p><a href='/v1/openapi.json'>OpenAPI 3.1</a></p>"
    return _page(request, "onenet API", f"{head}{parts}<section><h2>Webhooks</h2><ul>{hooks}</ul></section>")


def _operations(contract: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, item in contract["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    said = escape(operation.get("description", ""))
    answers = ", ".join(operation["responses"])
    return (
        f"<section id='{escape(operation['operationId'])}'><h2><code>{method} {escape(path)}</code></h2>"
        f"<p>{escape(operation['summary'])}. {said}</p><p><small>{answers}</small></p></section>"
    )


def _page(request: Request, title: str, body: str) -> Response:
    language = "zh-CN" if negotiation.language(request.headers.get("accept-language")) == "zh" else "en"
    text = (
        f"<!doctype html><html lang='{language}'><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style><main>{body}</main></html>"
    )
    return HTMLResponse(text, headers={"Content-Security-Policy": _STYLE_ONLY, "Cache-Control": "no-cache"})
