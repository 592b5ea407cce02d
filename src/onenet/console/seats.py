"""Seats: who is logged in at a page for people of departments, and how what they do there is done once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from onenet.console.login_pages import LoginPages
from onenet.domain.case import Case, Decision
from onenet.domain.delegation import Owner
from onenet.domain.principal import Principal
from onenet.errors import Forbidden, IdempotencyKeyReused
from onenet.services.cases import Replying
from onenet.services.change import Once
from onenet.store.idempotency import StoredAnswer

_DONE = StoredAnswer(200, "{}")


@dataclass(frozen=True, slots=True)
class Seated:
    """Who sits there, and the log-in by which they do."""

    login: str
    who: Principal


async def seated(pages: LoginPages, request: Request, permission: str) -> Seated | None:
    """Who sits there; None for nobody. Raises: Forbidden for who may not."""
    known = await pages.login_of(request)
    if known is None:
        return None
    id, login = known
    if permission not in login.principal.permissions:
        raise Forbidden
    return Seated(id, login.principal)


def once(place: str, who: Principal, said: Mapping[str, str]) -> Once:
    """What a form says is done once, by the key that the page gave it. `place`: path of what it is of."""
    text = "\n".join(f"{name}={said[name]}" for name in sorted(said))
    return Once(
        scope=who.id,
        key=hashlib.sha256(f"{place} {said.get('key', '')}".encode()).hexdigest(),
        fingerprint=hashlib.sha256(text.encode()).digest(),
        conflict=IdempotencyKeyReused,
    )


def replying(place: str, case: Case, who: Principal, said: Mapping[str, str]) -> Replying:
    """How it is done, and that it was."""
    actor = who.name_for(Owner(case.client, case.subject))
    return Replying(actor, once=once(place, who, said), render=_done)


def _done(case: Case, decision: Decision) -> StoredAnswer:
    return _DONE
