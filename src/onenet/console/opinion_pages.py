"""The pages of who is asked for opinions: what awaits an answer, and one with its form. `/console/opinions`.

They show what was put to the department, and nothing else of the case, as the API does.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import get_args
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onenet.clock import Clock
from onenet.console.desk_forms import optional_text
from onenet.console.desk_pages import attachment, to_login
from onenet.console.forms import Written, see
from onenet.console.login_pages import LoginPages
from onenet.console.opinion_view import asked_line, put_facts
from onenet.console.pages import language_of, language_query, page
from onenet.console.seats import Seated, replying, seated
from onenet.console.trouble import trouble
from onenet.domain.delegation import Owner
from onenet.domain.opinion_acts import GiveOpinion
from onenet.domain.outcome import NEEDS_WORDS, OpinionAnswer
from onenet.domain.principal import Principal
from onenet.domain.visibility import Subject, Visible
from onenet.errors import Conflict, IdempotencyKeyReused, InvalidInput, NotFound, OnenetError
from onenet.services import documents, logins, opinions
from onenet.services.advance import Gate
from onenet.services.documents import Vault
from onenet.services.opinions import Found
from onenet.services.reading import Reading, Seen, access
from onenet.store.database import Database

HOME = "/console/opinions"
PAGE_SIZE = 50
MAX_FORM_BYTES = 32_768

_ID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class OpinionPages:
    """The pages, over the opinions. `vault`: where the documents are."""

    def __init__(self, known: LoginPages, database: Database, gate: Gate, reading: Reading, vault: Vault):
        """`known`: who is logged in."""
        self._login_pages = known
        self._database = database
        self._gate = gate
        self._reading = reading
        self._vault = vault
        self._clock: Clock = vault.clock

    def routes(self) -> list[Route]:
        """To be added to the application, where people can log in."""
        return [
            Route(HOME, self.listed),
            Route(f"{HOME}/{{opinion}}", self.show, methods=["GET"]),
            Route(f"{HOME}/{{opinion}}", self.give, methods=["POST"]),
            Route(f"{HOME}/{{opinion}}/documents/{{document}}", self.document),
        ]

    async def listed(self, request: Request) -> Response:
        """What awaits an answer, the first due first."""
        try:
            sitting = await seated(self._login_pages, request, "opinions:write")
        except OnenetError as error:
            return trouble(request, error)
        if sitting is None:
            return to_login(request)
        visible = await self._visible(sitting.who)
        found, _ = await opinions.page(
            self._database, self._reading, visible, "asked", after=None, limit=PAGE_SIZE
        )
        seen = [Seen(each.case, each.sight) for each in found]
        self._reading.note(seen, sitting.who, self._clock.now(), "opinion")
        language = language_of(request)
        return page("opinions.html", request, lines=[asked_line(each, language) for each in found])

    async def show(self, request: Request) -> Response:
        """One of them."""
        try:
            sitting = await seated(self._login_pages, request, "opinions:write")
            if sitting is None:
                return to_login(request)
            return await self._page(request, sitting)
        except OnenetError as error:
            return trouble(request, error)

    async def give(self, request: Request) -> Response:
        """Gives the opinion that a form says."""
        try:
            sitting = await seated(self._login_pages, request, "opinions:write")
            if sitting is None:
                return to_login(request)
            _, said = await self._login_pages.changer(request, MAX_FORM_BYTES)
            found = await self._find(request, sitting.who)
        except OnenetError as error:
            return trouble(request, error)
        try:
            command = _command(found, sitting.who, said)
            await opinions.take(
                self._gate,
                found.case.id,
                command,
                replying(f"{HOME} {found.opinion.id}", found.case, sitting.who, said),
            )
        except InvalidInput as error:
            return await self._page(request, sitting, Written(said, "opinion_missing", error.status))
        except (Conflict, IdempotencyKeyReused) as error:
            return await self._page(request, sitting, Written(said, "opinion_over", error.status))
        except OnenetError as error:
            return trouble(request, error)
        return see(f"{HOME}/{found.opinion.id}{language_query(request)}")

    async def document(self, request: Request) -> Response:
        """A file that was put to the department, to be saved; the look is on record first."""
        try:
            sitting = await seated(self._login_pages, request, "opinions:write")
            if sitting is None:
                return to_login(request)
            found, name = await self._find(request, sitting.who), request.path_params["document"]
            made = await opinions.document(self._vault, found, name)
            plain = await documents.content(self._vault, made)
            await self._note(found, sitting.who, "document", name)
            return attachment(made, plain)
        except OnenetError as error:
            return trouble(request, error)

    async def _visible(self, who: Principal) -> Visible:
        return await self._reading.visible(who, self._clock.now(), of=Subject.OPINIONS)

    async def _find(self, request: Request, who: Principal) -> Found:
        text = request.path_params["opinion"]
        if not _ID.fullmatch(text):
            raise NotFound
        return await opinions.find(self._database, self._reading, await self._visible(who), UUID(text))

    async def _page(self, request: Request, sitting: Seated, written: Written | None = None) -> Response:
        found, language = await self._find(request, sitting.who), language_of(request)
        await self._note(found, sitting.who, "opinion")
        return page(
            "opinion.html",
            request,
            status=written.status if written else 200,
            line=asked_line(found, language),
            facts=put_facts(found, language),
            answers=get_args(OpinionAnswer),
            said=written.said if written else {},
            problem=written.problem if written else None,
            form_token=logins.form_token(sitting.login),
            key=secrets.token_urlsafe(16),
        )

    async def _note(self, found: Found, who: Principal, what: str, *fields: str) -> None:
        made = access(found.case, found.sight, who, self._clock.now(), what)
        await self._reading.accesses.write([made._replace(fields=fields)])


def _command(found: Found, who: Principal, said: Mapping[str, str]) -> GiveOpinion:
    """What the form says. Raises: InvalidInput."""
    words = optional_text(said, "words") or None
    chosen: OpinionAnswer | None = next(
        (each for each in get_args(OpinionAnswer) if each == said.get("answer")), None
    )
    if chosen is None or (chosen in NEEDS_WORDS and words is None):
        raise InvalidInput
    return GiveOpinion(found.step.code, found.opinion.id, chosen, words, _actor(found, who))


def _actor(found: Found, who: Principal) -> str:
    return who.name_for(Owner(found.case.client, found.case.subject))
