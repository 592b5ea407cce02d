"""Sources of certificates: those of this process, each asked within its time and left alone while it is away.

Whoever asks has nothing open. A breaker for each source is kept in memory: people wait here for the answer,
so each process finds out by itself, and five of them in a row are all that it costs (`domain.breaker`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from onenet.adapters import certificates, wire
from onenet.adapters.asking import NotFetched
from onenet.adapters.certificates import Said
from onenet.clock import Clock
from onenet.destinations import Destinations
from onenet.domain import breaker
from onenet.domain.breaker import Breaker, Calls
from onenet.domain.evidence import Claim
from onenet.sources import Connected

CONNECT_S = 3.0
CONNECTIONS = 8
"""To one source at a time; who comes when all are taken waits for its turn within its own time."""

log = structlog.get_logger()


class SourceAway(Exception):
    """The source is not connected, does not answer, or is left alone for a while."""


@dataclass
class _Known:
    source: Connected
    breaker: Breaker = breaker.CLOSED
    is_probed: bool = False


class Sources:
    """The sources that are connected. Of one event loop."""

    def __init__(self, connected: Sequence[Connected], destinations: Destinations, clock: Clock):
        """Opens nothing yet. `clock` tells machine time."""
        self._known = {source.code: _Known(source) for source in connected}
        self._destinations = destinations
        self._clock = clock
        self._wire: wire.Wire | None = None

    async def aclose(self) -> None:
        """Closes every connection."""
        if self._wire is not None:
            await self._wire.aclose()
            self._wire = None

    async def ask(self, code: str, claim: Claim, *, reference: str, purpose: str) -> Said:
        """What the source says. Raises: SourceAway."""
        known = self._known.get(code)
        if known is None:
            raise SourceAway("not connected")
        is_probe = not known.breaker.is_closed
        if is_probe and (known.is_probed or not breaker.may_probe(known.breaker, self._clock.now())):
            raise SourceAway("left alone")
        known.is_probed = is_probe
        try:
            said = await certificates.ask(
                self._over(), known.source, claim, reference=reference, purpose=purpose
            )
        except NotFetched as error:
            self._note(known, is_probe=is_probe, answered=False)
            log.warning("source.away", source=code, reason=str(error))
            raise SourceAway("no answer") from None
        finally:
            if is_probe:
                known.is_probed = False
        self._note(known, is_probe=is_probe, answered=True)
        return said

    def _note(self, known: _Known, *, is_probe: bool, answered: bool) -> None:
        now = self._clock.now()
        if is_probe:
            known.breaker = breaker.after_probe(known.breaker, now, answered=answered)
        else:
            known.breaker = breaker.after_calls(known.breaker, Calls().and_one(answered=answered), now)

    def _over(self) -> wire.Wire:
        if self._wire is None:
            self._wire = wire.Wire(self._destinations, connect_s=CONNECT_S, connections_per_host=CONNECTIONS)
        return self._wire
