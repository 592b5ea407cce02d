"""The handshake: asks an address whether it wants CloudEvents from us, before it gets the first one.

Source: CloudEvents 1.0.2, HTTP webhook section 4 (abuse protection).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from onenet.adapters.asking import NotFetched, call
from onenet.adapters.wire import Wire
from onenet.destinations import Destinations

CONNECT_S, TOTAL_S = 3.0, 15.0
READ_BYTES = 1_024


async def ask(url: str, public_url: str, destinations: Destinations) -> None:
    """Passes when the address says that it wants CloudEvents from us. Raises: NotFetched with the reason."""
    origin = urlsplit(public_url).hostname or ""
    wire = Wire(destinations, connect_s=CONNECT_S, connections_per_host=1)
    try:
        headers = [("webhook-request-origin", origin)]
        answer = await call(wire, "OPTIONS", url, headers, b"", within_s=TOTAL_S, answer_bytes=READ_BYTES)
    finally:
        await wire.aclose()
    if not answer.is_success:
        raise NotFetched(f"status {answer.status_code}")
    allowed = answer.headers.get("webhook-allowed-origin", "")
    if allowed != "*" and allowed.lower() != origin:
        raise NotFetched(f"expected the header WebHook-Allowed-Origin: {origin}")
