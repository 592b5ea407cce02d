"""The application: operations, handlers and parts put together. The only HTTP assembly."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Lifespan

from onenet import __version__
from onenet.api import (
    about,
    applicants,
    applications,
    awaited,
    break_glass,
    callbacks,
    case_actions,
    cases,
    catalogue,
    consents,
    deadlines,
    delegations,
    desk,
    documents,
    drafts,
    endpoints,
    events,
    evidence,
    handlers,
    health,
    hearings,
    log,
    metrics,
    openapi,
    operating,
    opinions,
    own_data,
    previews,
    progress,
    promises,
    pull,
    ratings,
    reapplications,
    results,
    supervision,
    tickets,
    webhooks,
    withdrawals,
)
from onenet.api.cross_origin import CrossOrigin
from onenet.api.doorway import HANDLER_S, Doorway
from onenet.api.operations import require_permissions
from onenet.api.parts import Parts
from onenet.console import trouble
from onenet.console.desk_pages import DeskPages
from onenet.console.login_pages import LoginPages
from onenet.console.opinion_pages import OpinionPages
from onenet.console.rating_pages import RatingPages
from onenet.console.ticket_pages import TicketPages
from onenet.console.verify_pages import VerifyPages
from onenet.console.views import ProgressPages
from onenet.services.logins import Logins

NOUNS = (
    cases, previews, case_actions, promises, reapplications, events, deadlines, progress, callbacks,
    documents, drafts, catalogue, applications, evidence, delegations, consents, applicants, own_data,
    break_glass, endpoints, operating, pull, desk, hearings, withdrawals, awaited, opinions, supervision, log,
    ratings, results, tickets, health, metrics, about,
)  # fmt: skip
"""In the order in which routes are looked through: what is asked most comes first."""


class Application(FastAPI):
    """FastAPI behind the doorway, with a contract of its own."""

    def build_middleware_stack(self) -> ASGIApp:
        """The doorway comes first, so that it also answers for what fails in any other layer."""
        return Doorway(
            super().build_middleware_stack(),
            version=self.version,
            public_url=self.state.parts.public_url,
            cross_origin=CrossOrigin(self.state.origins),
            error_page=self.state.error_page,
            handler_s=self.state.handler_s,
        )

    def openapi(self) -> dict[str, Any]:
        """The contract, written once."""
        if self.openapi_schema is None:
            webhooks.describe(self)
            self.openapi_schema = openapi.document(self)
        return self.openapi_schema


def create_app(
    parts: Parts,
    *,
    lifespan: Lifespan[Any] | None = None,
    docs_enabled: bool = True,
    logins: Logins | None = None,
    origins: frozenset[str] = frozenset(),
    handler_s: float = HANDLER_S,
) -> Application:
    """The whole API over these parts. `lifespan` starts and ends what runs beside it.

    `logins`: of people to the console, which is not there without. `origins`: those whose pages may read
    answers.

    Raises: MisconfiguredError when a route has no permission.
    """
    app = _assemble(lifespan)
    app.state.parts = parts
    app.state.origins, app.state.handler_s = origins, handler_s
    if docs_enabled:
        for operation in about.docs.stated:
            operation.add_to(app.router)
    require_permissions(app.routes)
    # After the check: pages for people bring a proof of their own, and are no part of the API.
    pages = ProgressPages(parts.database, parts.catalogue, parts.quotas, parts.public_url)
    app.router.routes.extend(pages.routes())
    at_results = VerifyPages(parts.database, parts.catalogue, parts.quotas, parts.gate.clock)
    app.router.routes.extend(at_results.routes())
    app.router.routes.extend(RatingPages(pages, parts.gate, parts.quotas, parts.public_url).routes())
    if logins is not None:
        login_pages = LoginPages(logins, parts.quotas)
        app.router.routes.extend(login_pages.routes())
        if logins.issuers:
            at_desk = DeskPages(login_pages, parts.gate, parts.reading, parts.vault, parts.catalogue)
            app.router.routes.extend(at_desk.routes())
            asked = OpinionPages(login_pages, parts.database, parts.gate, parts.reading, parts.vault)
            app.router.routes.extend(asked.routes())
            given = TicketPages(login_pages, parts.gate, parts.reading, parts.catalogue, parts.machine_clock)
            app.router.routes.extend(given.routes())
    return app


def contract() -> dict[str, Any]:
    """The contract of this version, without a running service."""
    return _assemble(None).openapi()


def _assemble(lifespan: Lifespan[Any] | None) -> Application:
    app = Application(
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.error_page = trouble.page_of
    app.router.routes.extend(_routes())
    handlers.install(app)
    return app


@cache
def _routes() -> Sequence[BaseRoute]:
    """Each takes FastAPI a millisecond to make, and knows nothing of the application that it is in."""
    router = APIRouter()
    for noun in NOUNS:
        for operation in noun.operations.stated:
            operation.add_to(router)
    return router.routes
