"""Names of hosts, looked up and judged in one, for who connects without the wire; and what is told of it."""

from __future__ import annotations

import asyncio
import socket

from onenet import security_log
from onenet.destinations import Destinations, NotAllowed


async def look_up(host: str, port: int, destinations: Destinations) -> str:
    """An address of the host; all of them may be called. Raises: NotAllowed, OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, (address, *_) in found:
        destinations.check(str(address), port)
    return str(found[0][-1][0])


def tell(refused: NotAllowed, **ids: str) -> None:
    """Writes the security event: the one place that says what was found, for who guards the network."""
    security_log.report("address_refused", refused.rule, found=refused.found, port=refused.port, **ids)
