"""The pages of the desk: what lies there, and one task with what its clerk can do. `/console/desk`.

Plain forms, answered with a redirect. Each brings a key of its own, so that a second click does it only once,
and what the step was like when the page was made: where that has changed nothing is done, and the page is
shown anew with what was written.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import get_args
from urllib.parse import quote, urlencode
from uuid import UUID

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from onenet.clock import Clock
from onenet.console import desk_opinions
from onenet.console.desk_forms import read_act
from onenet.console.desk_view import followed_line, line_of, page_of
from onenet.console.forms import see
from onenet.console.login_pages import LoginPages
from onenet.console.pages import language_of, language_query, page
from onenet.console.seats import Seated, replying, seated
from onenet.console.trouble import trouble
from onenet.domain import desk as rules
from onenet.domain.commands import WorkAtDesk
from onenet.domain.outcome import ReasonKind, SpecialProcedure
from onenet.domain.principal import Principal, Role
from onenet.domain.sheet import DOCUMENT_PREFIX
from onenet.errors import (
    Conflict,
    DateNotPossible,
    Forbidden,
    HearingAhead,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
    OnenetError,
    PreconditionFailed,
    UnknownReference,
)
from onenet.ids import from_text
from onenet.services import awaited, deadlines, desk, documents, logins, opinions
from onenet.services.advance import Gate
from onenet.services.catalogue import Catalogue
from onenet.services.documents import Document, Vault
from onenet.services.reading import Reading, access
from onenet.store.awaited import Place as Followed
from onenet.store.desk import Place, Wanted

HOME = "/console/desk"
PAGE_SIZE = 50
MAX_FORM_BYTES = 262_144
"""Reasons for each thing that is to be handed in again, in Chinese, nine bytes a character."""

SANDBOX = "sandbox; default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
"""Of a file, which is saved and not shown."""


class DeskPages:
    """The pages, over the tasks. `vault`: where the documents are."""

    def __init__(self, known: LoginPages, gate: Gate, reading: Reading, vault: Vault, catalogue: Catalogue):
        """`known`: who is logged in."""
        self._login_pages = known
        self._database = gate.database
        self._catalogue = catalogue
        self._gate = gate
        self._reading = reading
        self._vault = vault
        self._clock: Clock = vault.clock

    def routes(self) -> list[Route]:
        """To be added to the application, where people can log in."""
        return [
            Route(HOME, self.listed),
            Route(f"{HOME}/awaited", self.awaited),
            Route(f"{HOME}/{{task}}", self.show, methods=["GET"]),
            Route(f"{HOME}/{{task}}", self.act, methods=["POST"]),
            Route(f"{HOME}/{{task}}/documents/{{document}}", self.document),
        ]

    async def listed(self, request: Request) -> Response:
        """What lies at the desk."""
        try:
            sitting = await seated(self._login_pages, request, "steps:decide")
            after = _place(request.query_params.get("after"))
        except OnenetError as error:
            return self._refused(request, error)
        if sitting is None:
            return to_login(request)
        who, now = sitting.who, self._clock.now()
        chosen = request.query_params.get("claim", "")
        wanted = Wanted(
            who.department if who.role is Role.OFFICER else None, {"none": "", "mine": who.id}.get(chosen)
        )
        visible = await self._reading.visible(who, now)
        found, further = await desk.page(
            self._database, self._reading, visible, wanted, after=after, limit=PAGE_SIZE
        )
        self._reading.note([each.seen for each in found], who, now, "case")
        language = language_of(request)
        return page(
            "desk.html",
            request,
            lines=[line_of(each, who, language) for each in found],
            chosen=chosen if chosen in ("none", "mine") else "",
            further=_written(further) if further else None,
        )

    async def awaited(self, request: Request) -> Response:
        """What is still to happen because of a promise."""
        try:
            sitting = await seated(self._login_pages, request, "steps:decide")
            after = _followed_place(request.query_params.get("after"))
        except OnenetError as error:
            return self._refused(request, error)
        if sitting is None:
            return to_login(request)
        who, now = sitting.who, self._clock.now()
        visible = await self._reading.visible(who, now)
        department = who.department if who.role is Role.OFFICER else None
        found, further = await awaited.page(
            self._database, self._reading, visible, department, after=after, limit=PAGE_SIZE
        )
        self._reading.note([each.seen for each in found], who, now, "case")
        language, at = language_of(request), self._gate.clock.now()
        return page(
            "desk_awaited.html",
            request,
            lines=[followed_line(each, at, language) for each in found],
            further=f"{further.due_on}~{further.case_id}~{further.code}" if further else None,
        )

    async def show(self, request: Request) -> Response:
        """One task."""
        try:
            sitting = await seated(self._login_pages, request, "steps:decide")
            if sitting is None:
                return to_login(request)
            return await self._page(request, sitting)
        except OnenetError as error:
            return self._refused(request, error)

    async def act(self, request: Request) -> Response:
        """Does what a form of the page says."""
        try:
            sitting = await seated(self._login_pages, request, "steps:decide")
            if sitting is None:
                return to_login(request)
            _, said = await self._login_pages.changer(request, MAX_FORM_BYTES)
        except OnenetError as error:
            return self._refused(request, error)
        try:
            await self._work(request, sitting.who, said)
        except (Conflict, PreconditionFailed, IdempotencyKeyReused, InvalidInput) as error:
            return await self._page(request, sitting, said, error)
        except OnenetError as error:
            return self._refused(request, error)
        return see(f"{HOME}/{request.path_params['task']}{language_query(request)}")

    async def document(self, request: Request) -> Response:
        """A file of the application, to be saved; the look is on record first."""
        try:
            sitting = await seated(self._login_pages, request, "steps:decide")
            if sitting is None:
                return to_login(request)
            return await self._file(request, sitting.who)
        except OnenetError as error:
            return self._refused(request, error)

    async def _page(
        self,
        request: Request,
        sitting: Seated,
        said: Mapping[str, str] | None = None,
        error: OnenetError | None = None,
    ) -> Response:
        """The page as it now is. `said`: what was written and not taken, and `error`, why."""
        key, now = request.path_params["task"], self._clock.now()
        found, sheet = await desk.show(self._database, self._reading, key, sitting.who, now)
        until = await deadlines.of_step(self._catalogue, found.case, found.step.code)
        who, language = sitting.who, language_of(request)
        return page(
            "desk_task.html",
            request,
            status=error.status if error else 200,
            page=page_of(found, sheet, who, language, until),
            asking=desk_opinions.asking(found, sheet, who, language, await self._catalogue.departments()),
            asks=desk_opinions.may(found, who),
            form_token=logins.form_token(sitting.login),
            key=secrets.token_urlsafe(16),
            said=said or {},
            reason_kinds=get_args(ReasonKind),
            special_procedures=get_args(SpecialProcedure),
            problem=_problem_of(error, (said or {}).get("act")) if error else None,
            wrong={fault.pointer.strip("/") for fault in (error.faults if error else ()) if fault.pointer},
        )

    async def _work(self, request: Request, who: Principal, said: Mapping[str, str]) -> None:
        key, now = request.path_params["task"], self._clock.now()
        found = await desk.find(self._database, self._reading, key, who, now, what="case")
        seen = frozenset({said.get("seen", "")})
        replies = replying(f"{HOME} {found.key}", found.case, who, said)
        if said.get("act") in (desk_opinions.ASK, desk_opinions.WITHDRAW):
            if rules.mark(found.step) not in seen:
                raise PreconditionFailed
            wish = await desk_opinions.command(self._catalogue, found, who, said)
            await opinions.take(self._gate, found.case.id, wish, replies)
            return
        command = WorkAtDesk(found.task.id, desk.clerk(who), read_act(said), seen)
        await desk.work(self._gate, found, command, replies)

    async def _file(self, request: Request, who: Principal) -> Response:
        now, text = self._clock.now(), request.path_params["document"]
        found = await desk.find(
            self._database, self._reading, request.path_params["task"], who, now, what=None
        )
        id = from_text(DOCUMENT_PREFIX, text)
        if id is None or "content:read" not in who.permissions:
            raise NotFound
        row = await documents.find(self._vault, id)
        if row.case_id != found.case.id or not documents.is_shown(row, found.case, found.seen.sight.view):
            raise NotFound
        made = access(*found.seen, who, now, "document")
        await self._reading.accesses.write([made._replace(fields=(text,))])
        file = documents.read(self._vault.keys, row)
        return attachment(file, await documents.content(self._vault, file))

    def _refused(self, request: Request, error: OnenetError) -> Response:
        is_of_role = isinstance(error, Forbidden) and request.method != "POST"
        return trouble(request, error, "no_desk" if is_of_role else None)


def attachment(file: Document, plain: Iterator[bytes]) -> Response:
    """A file, which is saved and not shown."""
    headers = {
        "Content-Length": str(file.row.size_bytes),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.filename, safe='')}",
        "Content-Security-Policy": SANDBOX,
        "Cache-Control": "private, no-store",
    }
    return StreamingResponse(iterate_in_threadpool(plain), headers=headers, media_type=file.row.media_type)


def _problem_of(error: OnenetError, act: str | None) -> str:
    """The words for what was not done."""
    match error:
        case UnknownReference():
            return "desk_stranger"
        case InvalidInput():
            return "desk_missing"
        case HearingAhead():
            return "desk_hearing_ahead"
        case DateNotPossible():
            return "desk_day_over"
        case Conflict() if act in ("extended", "hearing_set"):
            return "desk_unfit"
        case _:
            return "desk_moved"


def to_login(request: Request) -> Response:
    """Asks to log in, and to come back."""
    return see(f"/console/login?{urlencode({'next': request.scope['path']})}")


def _followed_place(text: str | None) -> Followed | None:
    """Where a page of what is awaited begins. Raises: InvalidInput for what no page of ours has."""
    if text is None:
        return None
    try:
        on, case_id, code = text.split("~")
        return Followed(date.fromisoformat(on), UUID(case_id), code)
    except ValueError:
        raise InvalidInput from None


def _written(place: Place) -> str:
    return f"{place.desk_at.isoformat()}~{place.case_id}~{place.code}"


def _place(text: str | None) -> Place | None:
    """Where a page begins. Raises: InvalidInput for what no page of ours has."""
    if text is None:
        return None
    try:
        at, case_id, code = text.split("~")
        found = Place(datetime.fromisoformat(at), UUID(case_id), code)
    except ValueError:
        raise InvalidInput from None
    if found.desk_at.tzinfo is None or not 1800 <= found.desk_at.year <= 2199:
        raise InvalidInput
    return found
