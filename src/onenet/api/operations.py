"""Operations: routes, each stated with its permission, which one dependency checks.

A route without one cannot be stated, and an application that has one all the same does not start.

Order of checks (api.md section 5): path 404, method 405, identity 401, role 403, query 400, media types 406.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute

from onenet import occasion
from onenet.adapters.dpop import Shown
from onenet.api import faults, negotiation
from onenet.api.charging import address_of, charge, person_of
from onenet.api.parts import parts
from onenet.api.routes import StraightRoute
from onenet.domain.principal import (
    BY_SUBJECT,
    EVERY_PERMISSION,
    PERMISSIONS,
    Principal,
)
from onenet.errors import (
    Fault,
    Forbidden,
    InvalidInput,
    MisconfiguredError,
    NotAcceptable,
    Unauthenticated,
    UnknownParameter,
)

JSON = ("application/json",)
SUBJECT_HEADER = "Onenet-Subject"

WITHOUT_KEY = frozenset({"public", "signature", "secret"})
"""Permissions that need no API key: nothing to protect, or another proof that the service itself checks."""

_FOR_NOBODY_ALONE = frozenset({"catalogue:read", "tickets:read", "tickets:dispatch"})

BY_SUBJECT_NEEDED = frozenset[str]().union(*(PERMISSIONS[role] for role in BY_SUBJECT)) - _FOR_NOBODY_ALONE
"""Permissions under which a front-end or a clerk does something for somebody."""

_SUBJECT = re.compile("[!-~]{1,128}")

_SUBJECT_FAULT = Fault(
    "subject",
    "前端和窗口人员须指明代表谁：1 至 128 个可见 ASCII 字符，只出现一次",
    "A front-end or a clerk says for whom it acts: 1 to 128 visible ASCII characters, sent once",
    header=SUBJECT_HEADER,
)

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
Answers = Mapping[int | str, dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Operation:
    """One route: who may use it, what it reads, what it answers with. As a dependency, it lets requests in.

    `permission`: a scope, or one of `WITHOUT_KEY`. `answers`: by status. `offers`: media types of answers.
    `takes`: headers it reads (`contract.HEADER_PARAMETERS`). `problems`: statuses it can answer with beside
    those that follow from what it is made of. `raw_body`: an example of each media type, where
    the service reads the bytes.
    `quota`: a policy that it counts against beside the caller's own (`onenet.quotas`).
    `binary_body`: the types of a file that is the body.
    """

    method: str
    path: str
    endpoint: Callable[..., Any]
    tag: str
    permission: str
    answers: Answers
    offers: tuple[str, ...] = JSON
    takes: tuple[str, ...] = ()
    problems: tuple[int, ...] = ()
    raw_body: Mapping[str, Any] | None = None
    binary_body: tuple[str, ...] = ()
    in_contract: bool = True
    quota: str | None = None

    @property
    def needs_key(self) -> bool:
        """Whether only callers with an API key come in."""
        return self.permission not in WITHOUT_KEY

    @property
    def is_for_subject(self) -> bool:
        """Whether a front-end or a clerk has to say for whom they act."""
        return self.permission in BY_SUBJECT_NEEDED

    async def __call__(self, request: Request) -> None:
        """Lets the request in.

        Raises: Unauthenticated, QuotaExceeded, Forbidden, InvalidInput, NotAcceptable.
        """
        here = occasion.present()
        if here is not None:
            here.route = self.path
        if self.needs_key:
            request.state.caller = await self.admit(request, is_counted=True)
        else:
            charge(request, (self.quota or "public", address_of(request)))
        _check_query(request)
        offered = negotiation.media_type(request.headers.get("accept"), self.offers)
        if offered is None:
            raise NotAcceptable(f"served here: {', '.join(self.offers)}")
        request.state.media_type = offered

    async def admit(self, request: Request, *, is_counted: bool = False) -> Principal:
        """Who is calling, if they may use this route.

        Raises: Unauthenticated, Forbidden, InvalidInput; where it is counted, QuotaExceeded.
        """
        who = await _principal(request, is_again=not is_counted)
        if is_counted:
            if (here := occasion.present()) is not None:
                here.client = f"{who.role}:{who.client}"
            charge(request, *self._charges(request, who))
        if self.permission not in who.permissions:
            raise Forbidden(self._lacking(who))
        if not self.is_for_subject:
            return who
        subject = _subject(request)
        if who.role in BY_SUBJECT:
            if subject is None:
                raise Forbidden(faults=(_SUBJECT_FAULT,))
            return who.acting_for(subject)
        return who

    def _lacking(self, who: Principal) -> str:
        """What a key lacks that its kind can have: it was made with less, or by a version that knew less."""
        if self.permission not in PERMISSIONS[who.role]:
            return ""
        return f"the key or token lacks the scope {self.permission}, which its kind can have"

    def _charges(self, request: Request, who: Principal) -> list[tuple[str, str]]:
        """The client's quota, its subject's, and the route's own."""
        named = request.headers.get(SUBJECT_HEADER) if who.role in BY_SUBJECT else None
        subject = who.subject or named
        person = person_of(who, subject)
        counted = [("client", person_of(who, None))]
        if subject is not None:
            counted.append(("subject", person))
        if self.quota is not None:
            counted.append((self.quota, person))
        return counted

    def _response_class(self) -> type[Response]:
        """What the contract takes the answer for; a file's types are listed with it."""
        if "text/html" in self.offers:
            return HTMLResponse
        return JSONResponse if JSON[0] in self.offers else Response

    def add_to(self, router: APIRouter) -> None:
        """Makes it a route; its name and docstring are the words of the contract."""
        summary, _, description = (self.endpoint.__doc__ or "").partition("\n")
        router.add_api_route(
            self.path,
            self.endpoint,
            methods=[self.method],
            dependencies=[Depends(self)],
            operation_id=self.endpoint.__name__,
            summary=summary.strip().rstrip("."),
            description=" ".join(description.split()),
            tags=[self.tag],
            status_code=min(code for code in self.answers if isinstance(code, int)),
            response_model=None,
            response_class=self._response_class(),
            responses=dict(self.answers),
            include_in_schema=self.in_contract,
            route_class_override=StraightRoute,
        )


@dataclass(frozen=True, slots=True)
class Operations:
    """The operations of one noun; an instance decorates endpoints."""

    tag: str
    stated: list[Operation] = field(default_factory=list)

    def __call__(
        self,
        method: str,
        path: str,
        *,
        permission: str,
        answers: Answers,
        offers: tuple[str, ...] = JSON,
        takes: tuple[str, ...] = (),
        **further: Any,
    ) -> Callable[[Endpoint], Endpoint]:
        """States an operation; the words are those of `Operation`."""

        def state(endpoint: Endpoint) -> Endpoint:
            stated = Operation(
                method, path, endpoint, self.tag, permission, answers, offers=offers, takes=takes, **further
            )
            self.stated.append(stated)
            return endpoint

        return state


def caller(request: Request) -> Principal:
    """Who was let in."""
    found: Principal = request.state.caller
    return found


def on_behalf(request: Request) -> Principal:
    """Who was let in, acting for whom they name, on a route where nobody has to. Raises: InvalidInput."""
    who, subject = caller(request), _subject(request)
    return who.acting_for(subject) if subject is not None and who.role in BY_SUBJECT else who


async def caller_if_any(request: Request) -> Principal | None:
    """Who is calling, where a key is sent to a route that asks for none. Raises: Unauthenticated."""
    if not request.headers.getlist("authorization"):
        return None
    return await _principal(request)


async def identify(request: Request) -> Principal:
    """Who is calling, asked anew: a stream outlives keys. Raises: Unauthenticated, Forbidden."""
    stated = operation_of(request.scope["route"])
    if stated is None:
        raise Forbidden
    return await stated.admit(request)


def operation_of(route: BaseRoute | None) -> Operation | None:
    """The operation that a route was stated with."""
    if not isinstance(route, APIRoute):
        return None
    return next((d.dependency for d in route.dependencies if isinstance(d.dependency, Operation)), None)


def require_permissions(routes: Sequence[BaseRoute]) -> None:
    """Passes when each route has a known permission. Raises: MisconfiguredError."""
    for route in routes:
        stated = operation_of(route)
        if stated is None or stated.permission not in EVERY_PERMISSION | WITHOUT_KEY:
            raise MisconfiguredError(f"the route {getattr(route, 'path', route)} has no permission")


async def _principal(request: Request, *, is_again: bool = False) -> Principal:
    """Who is calling, by what stands in the header. Raises: Unauthenticated, Unavailable."""
    given = request.headers.getlist("authorization")
    scheme, _, credential = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    # From where it comes: a proxy's word for it was taken or not before this.
    address, known = request.client.host if request.client else "", parts(request)
    match scheme.lower():
        case "bearer":
            return await known.identity.principal(credential.strip(), address)
        case "dpop":
            url = f"{known.public_url}{request.scope['raw_path'].decode('latin-1')}"
            method = "HEAD" if request.state.is_head else request.method  # as its sender named it
            shown = Shown(tuple(request.headers.getlist("dpop")), method, url, is_again)
            return await known.identity.principal(credential.strip(), address, shown)
        case _:
            raise Unauthenticated


def _subject(request: Request) -> str | None:
    """For whom the caller acts, when it says so. Raises: InvalidInput for what is no subject."""
    given = request.headers.getlist(SUBJECT_HEADER)
    if not given:
        return None
    if len(given) > 1 or not _SUBJECT.fullmatch(given[0]):
        raise InvalidInput(faults=(_SUBJECT_FAULT,))
    return given[0]


def _check_query(request: Request) -> None:
    """Refuses a name sent twice, and any name where the route knows none; the rest is the query model's."""
    if not request.scope["query_string"]:
        return
    names = [name for name, _ in request.query_params.multi_items()]
    route = request.scope["route"]
    if names and not route.dependant.query_params:
        raise UnknownParameter(faults=(faults.unknown_parameter(names[0]),))
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidInput(faults=(Fault("twice", "只能出现一次", "Expected once", parameter=twice[:64]),))
