"""Handshakes: an address that is to get CloudEvents is asked before it is registered, no transaction open."""

from __future__ import annotations

from onenet.adapters import cloud_events, handshake
from onenet.adapters.asking import NotFetched
from onenet.destinations import Destinations
from onenet.errors import Conflict, Fault
from onenet.services.endpoints import Wanted


async def require(wanted: Wanted, public_url: str, destinations: Destinations) -> None:
    """Passes when the address consents, or is not to get CloudEvents. Raises: Conflict."""
    if not (wanted.url and cloud_events.is_wanted(wanted.options)):
        return
    try:
        await handshake.ask(wanted.url, public_url, destinations)
    except NotFetched as refused:
        zh = f"该地址未同意接收 CloudEvents（对 OPTIONS 的应答）：{refused}"
        en = f"the address did not consent to CloudEvents, asked by OPTIONS: {refused}"
        raise Conflict(en, faults=(Fault("no_consent", zh, en, pointer="/url"),)) from None
