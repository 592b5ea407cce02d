"""The page on which anybody looks whether a result still stands: `/verify`, with no log-in.

Number and code come in a form, and are in no address (ASVS 5.0 14.2.1). The answer names nobody.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onenet.clock import Clock
from onenet.console.counting import counted
from onenet.console.forms import read_form
from onenet.console.pages import language_of, page
from onenet.console.trouble import trouble
from onenet.errors import NotFound, OnenetError
from onenet.quotas import Quotas
from onenet.services import results
from onenet.services.catalogue import Catalogue
from onenet.store.database import Database

LONGEST = 200


class VerifyPages:
    """The page, over the results."""

    def __init__(self, database: Database, catalogue: Catalogue, quotas: Quotas, clock: Clock):
        """`clock`: of the days on which results hold."""
        self._database = database
        self._catalogue = catalogue
        self._quotas = quotas
        self._clock = clock

    def routes(self) -> list[Route]:
        """To be added to the application."""
        return [
            Route("/verify", counted(self.ask, self._quotas, "lookup"), methods=["GET"]),
            Route("/verify", counted(self.verify, self._quotas, "lookup"), methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """Asks for number and code."""
        return page("verify.html", request, problem=None, found=None)

    async def verify(self, request: Request) -> Response:
        """Says how the result stands. What was typed wrong is not repeated."""
        try:
            said = await read_form(request)
            number, code = (said.get(name, "").strip()[:LONGEST] for name in ("number", "code"))
            found = await results.verify(self._database, self._catalogue, number, code, self._clock.now())
        except NotFound:
            return page("verify.html", request, status=404, problem="no_result", found=None)
        except OnenetError as error:
            return trouble(request, error)
        language = language_of(request)
        names = {"name": found.name[language], "issuer": found.issuer[language]}
        return page("verify.html", request, problem=None, found=found._asdict() | names)
