"""Counting: pages that anybody may ask for count against the quotas of the address they are asked from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from onenet import security_log
from onenet.addresses import counted_as
from onenet.console.trouble import trouble
from onenet.errors import QuotaExceeded
from onenet.quotas import Quotas, Standing

Respond = Callable[[Request], Awaitable[Response]]


def counted(respond: Respond, quotas: Quotas, policy: str) -> Respond:
    """The same page, as long as there is something left; one that was refused counts as a failure."""

    async def answer(request: Request) -> Response:
        address = counted_as(request.client.host) if request.client else ""
        standing = quotas.spend((policy, address))
        if standing.violated:
            return _too_often(request, policy, standing)
        response = await respond(request)
        if response.status_code in (401, 404):
            standing = quotas.spend(("failures", address))
            if standing.violated:
                return _too_often(request, "failures", standing)
        return response

    return answer


def _too_often(request: Request, policy: str, standing: Standing) -> Response:
    security_log.report("rate_limited", policy)
    return trouble(request, QuotaExceeded(retry_after_s=standing.retry_after_s))
