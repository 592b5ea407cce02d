"""Charging: which quotas a request counts against, and the refusal when one is used up."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from onenet.addresses import counted_as
from onenet.api.parts import parts
from onenet.domain.principal import Principal
from onenet.errors import QuotaExceeded
from onenet.quotas import Standing


def address_of(request: HTTPConnection) -> str:
    """What the caller's address counts as; a proxy's word for it was taken or not before this."""
    return counted_as(request.client.host) if request.client else ""


def charge(request: HTTPConnection, *charges: tuple[str, str]) -> None:
    """Counts the request; every answer to it tells how its caller stands. Raises: QuotaExceeded."""
    standing = parts(request).quotas.spend(*charges)
    request.state.quota_fields = standing.fields
    _refuse_if(standing)


def person_of(who: Principal, subject: str | None) -> str:
    """What a subject counts as, or the client itself without one."""
    client = f"{who.role}:{who.client}"
    return client if subject is None else f"{client}/{subject[:128]}"


def charge_copy(request: HTTPConnection, who: Principal) -> None:
    """Counts a document that is used again as a file that is sent in. Raises: QuotaExceeded."""
    _refuse_if(parts(request).quotas.spend(("uploads", person_of(who, who.visitor or who.subject))))


def charge_address(request: HTTPConnection, policy: str) -> None:
    """Counts it for the caller's address. Raises: QuotaExceeded."""
    charge(request, (policy, address_of(request)))


def _refuse_if(standing: Standing) -> None:
    if standing.violated:
        raise QuotaExceeded(policies=standing.violated, retry_after_s=standing.retry_after_s)
