"""Destinations: whether the registered endpoints may be called from here, for whoever runs onenet."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from onenet.adapters import jetstream, names
from onenet.destinations import Destinations, NotAllowed
from onenet.services.doctor import Remark
from onenet.store import endpoints
from onenet.store.database import Database

LOOK_UP_S = 5.0

ADVICE = {
    "spelling": "register it anew: {url} is not written plainly",
    "never": "register another address: nobody is ever called there",
    "inner": "if it is one of yours, allow it: ONENET_INNER_NETWORKS={found}:{port}",
    "file": "allow the folder that it lies in: ONENET_EXCHANGE_DIR=…",
    "port": "register it with https on port 443 or 8443, or allow it: ONENET_INNER_NETWORKS=…:{port}",
}

WHOSE = "(by the settings of this shell)"
"""A server that was started elsewhere, with others, may well call it."""


async def look(database: Database, destinations: Destinations) -> list[Remark]:
    """A finding for each endpoint whose calls are refused."""
    async with database.read() as connection:
        known = [each for each in await endpoints.every(connection) if each.url]
    looks = await asyncio.gather(*(refusal(each.url, destinations) for each in known))
    return [
        Remark("endpoints", "finding", f"{each.kind} {each.owner} is not called: {says} {WHOSE}", advice)
        for each, found in zip(known, looks, strict=True)
        if found is not None
        for says, advice in [found]
    ]


async def refusal(url: str, destinations: Destinations) -> tuple[str, str] | None:
    """Why this address is not called, and what to do; None when it is, or its name is not found now."""
    try:
        if urlsplit(url).scheme in ("nats", "tls"):
            broker = urlsplit(url)
            host, port = broker.hostname or "", broker.port or jetstream.PORT
        else:
            _, host, port, _ = destinations.check_url(url)
        async with asyncio.timeout(LOOK_UP_S):
            await names.look_up(host.strip("[]"), port, destinations)
    except NotAllowed as refused:
        at = ", ".join(filter(None, (refused.found, f"port {refused.port}" if refused.port else None)))
        advice = ADVICE[refused.rule].format(url=url, found=_bracketed(refused.found), port=refused.port)
        return f"{refused}{': ' if at else ''}{at}", advice
    except (OSError, UnicodeError):
        return None
    return None


def _bracketed(found: str | None) -> str:
    return f"[{found}]" if found and ":" in found else f"{found}"
