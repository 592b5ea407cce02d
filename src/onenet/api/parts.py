"""What the routes work with: handed in by whoever starts the process, never made here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from starlette.requests import HTTPConnection

from onenet.clock import Clock, SystemClock
from onenet.destinations import Destinations
from onenet.domain.case import Case
from onenet.quotas import Quotas
from onenet.services import cases, drafts, pull
from onenet.services.advance import Gate
from onenet.services.catalogue import Catalogue
from onenet.services.documents import Vault
from onenet.services.identity import Identity
from onenet.services.metrics import Metrics
from onenet.services.proofs import Checkpoints
from onenet.services.ratings import RatingFigures
from onenet.services.reading import Reading
from onenet.services.sources import Sources
from onenet.services.watch import Watch
from onenet.store.database import Database


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a running onenet that the API calls.

    `public_url`: the origin under which callers reach it, without a slash at the end. `machine_clock` tells
    the time of running processes: keys and signatures go by it, even where the demo's legal time runs fast.
    """

    public_url: str
    database: Database
    gate: Gate
    watch: Watch
    catalogue: Catalogue
    reading: Reading
    identity: Identity
    machine_clock: Clock
    vault: Vault
    quotas: Quotas = field(default_factory=Quotas)
    destinations: Destinations = field(default_factory=Destinations)
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    fetch_lease: timedelta = pull.LEASE
    metrics: Metrics = field(default_factory=Metrics)
    draft_life: timedelta = drafts.LIFE
    sources: Sources = field(default_factory=lambda: Sources((), Destinations(), SystemClock()))
    rating_figures: RatingFigures = field(init=False)

    def __post_init__(self) -> None:
        """Makes what is kept for all requests of this process."""
        object.__setattr__(self, "rating_figures", RatingFigures(self.database, self.catalogue))

    async def case_of(self, id: UUID) -> Case | None:
        """The case that a document is marked with; there may be none."""
        return await cases.of_document(self.database, self.catalogue, id)


def parts(request: HTTPConnection) -> Parts:
    """The parts of the application that serves this request."""
    found: Parts = request.app.state.parts
    return found
