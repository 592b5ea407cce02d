"""How a call failed, as tables: HTTP statuses and network errors to outcomes. Source: delivery.md section 4.

An adapter sees no failed answer that it did not ask for: what they mean does not depend on the department.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from onenet.adapters import exchange, wire
from onenet.adapters.json_reader import read_json
from onenet.domain.outcome import FailureClass, Received, TryLater
from onenet.domain.retry import LONGEST_RETRY_AFTER_S
from onenet.errors import MalformedJson, MisconfiguredError

STATUSES: Mapping[int, FailureClass] = {
    **dict.fromkeys((401, 403, 404, 408, 425, 429), "transient"),
    410: "gone",
}
"""Statuses that do not go with their hundred: departments mend wrong rights and addresses within hours."""

HUNDREDS: Mapping[int, FailureClass] = {3: "permanent", 4: "permanent", 5: "transient"}
"""By the first digit; what is in neither table is permanent."""

WITH_RETRY_AFTER = frozenset({429, 503})


class NotCalled(Exception):
    """No call is made; the message says why, without the address."""


ERRORS: tuple[tuple[tuple[type[Exception], ...], FailureClass, str | None], ...] = (
    ((NotCalled, MisconfiguredError), "refused", None),
    ((httpx2.InvalidURL,), "refused", "the address is not valid"),
    ((exchange.Away,), "transient", None),
    ((exchange.Unfit,), "permanent", None),
    *wire.ERRORS,
)
"""Errors of a call, the first row that fits; a row too few turns one bad host name into a crash of the
worker. A reason of None: the error's own words, which are ours.
"""

ERROR_TYPES = tuple(error for errors, _, _ in ERRORS for error in errors)

_ALREADY_ACCEPTED = "already-accepted"


def of_error(error: Exception) -> TryLater:
    """What this error of a call means; it must be one of `ERROR_TYPES`."""
    failure, reason = next((row[1], row[2]) for row in ERRORS if isinstance(error, row[0]))
    return TryLater(failure, reason or str(error))


def of_response(
    response: httpx2.Response, now: datetime, reads: Collection[int] = ()
) -> TryLater | Received | None:
    """What a failed answer means; None for a 2xx, or a status in `reads`, which is the adapter's to read.

    A 409 that says `already-accepted` counts as 202: an answer of ours was lost on the way, not the task.
    """
    status = response.status_code
    if 200 <= status <= 299 or status in reads:
        return None
    if status == 409 and _is_already_accepted(response.content):
        return Received()
    failure = STATUSES.get(status) or HUNDREDS.get(status // 100, "permanent")
    after_s = retry_after_s(response.headers.get("retry-after"), now) if status in WITH_RETRY_AFTER else None
    return TryLater(failure, f"answered {status}", after_s)


def retry_after_s(value: str | None, now: datetime) -> int | None:
    """The seconds that a Retry-After header asks for (a number or an HTTP date), at most a day; None if it
    says nothing that can be understood.
    """
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), LONGEST_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    wait_s = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(0, int(wait_s)), LONGEST_RETRY_AFTER_S)


def _is_already_accepted(body: bytes) -> bool:
    try:
        problem = read_json(body)
    except MalformedJson:
        return False
    return isinstance(problem, dict) and str(problem.get("type", "")).endswith(_ALREADY_ACCEPTED)
