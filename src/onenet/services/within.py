"""Within: the jurisdictions to which a principal is confined, and what it sees there by itself."""

from __future__ import annotations

from onenet.domain.principal import Principal
from onenet.domain.visibility import Visible, visible
from onenet.services.catalogue import Catalogue


async def places(catalogue: Catalogue, who: Principal) -> frozenset[str] | None:
    """Those jurisdictions with all below them; None for everywhere."""
    return await catalogue.below(who.jurisdictions) if who.jurisdictions else None


async def own(catalogue: Catalogue, who: Principal) -> Visible:
    """What it sees: nothing that a delegation shows."""
    return visible(who, within=await places(catalogue, who))
