"""Asking: one request of ours that hands over no task, and the whole of a good answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx2

from onenet import __version__
from onenet.adapters import names, wire
from onenet.destinations import NotAllowed


class NotFetched(Exception):
    """A server did not give what was asked of it; the message says what came instead."""


async def ask(
    over: wire.Wire,
    method: str,
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    *,
    within_s: float,
    answer_bytes: int,
) -> bytes:
    """The body of an answer of status 200. Raises: NotFetched."""
    answer = await call(over, method, url, headers, body, within_s=within_s, answer_bytes=answer_bytes + 1)
    if answer.status_code != 200:
        raise NotFetched(f"status {answer.status_code}")
    if len(answer.content) > answer_bytes:
        raise NotFetched(f"the answer has more than {answer_bytes} bytes")
    return answer.content


async def call(
    over: wire.Wire,
    method: str,
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    *,
    within_s: float,
    answer_bytes: int,
) -> httpx2.Response:
    """What was answered, its body up to so many bytes. Raises: NotFetched."""
    said = [*headers, ("accept-encoding", "identity"), ("user-agent", f"onenet/{__version__}")]
    try:
        async with asyncio.timeout(within_s):
            return await over.send(method, httpx2.URL(url), said, body, answer_bytes=answer_bytes)
    except tuple(kind for kinds, _, _ in wire.ERRORS for kind in kinds) as error:
        if isinstance(error, NotAllowed):
            names.tell(error)
        words = next(words for kinds, _, words in wire.ERRORS if isinstance(error, kinds))
        raise NotFetched(words or str(error)) from None
