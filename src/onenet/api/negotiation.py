"""What a request's Accept and Accept-Language headers ask for, as far as onenet serves it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

Language = Literal["zh", "en"]

_WEIGHT = re.compile(r"[01](\.[0-9]{0,3})?")


def language(header: str | None) -> Language:
    """The language of titles and details: the better liked of the two, English where neither is named."""
    ranges = _weighted(header or "")
    liked = {
        name: max((q for tag, q in ranges if tag.split("-")[0] == name), default=0.0) for name in ("zh", "en")
    }
    return "zh" if liked["zh"] > liked["en"] else "en"


@lru_cache(maxsize=100)
def media_type(header: str | None, offers: tuple[str, ...]) -> str | None:
    """The offer that the header likes best, the earlier one on a draw; None when it takes none of them.

    A missing header takes everything. Clients say the same each time. Source: RFC 9110 section 12.5.1.
    """
    if header is None or not header.strip():
        return offers[0]
    ranges = _weighted(header)
    liked = [(_quality(offer, ranges), -place, offer) for place, offer in enumerate(offers)]
    quality, _, best = max(liked)
    return best if quality > 0 else None


def _quality(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The weight of the most specific range that covers the offer; zero when none does."""
    main = offer.split("/", maxsplit=1)[0]
    for wanted in (offer, f"{main}/*", "*/*"):
        found = [quality for name, quality in ranges if name == wanted]
        if found:
            return max(found)
    return 0.0


def _weighted(header: str) -> list[tuple[str, float]]:
    """Each element in lower case with its `q`; one whose `q` is not a weight counts as not wanted."""
    found = []
    for element in header.lower().split(","):
        name, *parameters = (part.strip() for part in element.split(";"))
        weights = [p.partition("=")[2].strip() for p in parameters if p.partition("=")[0].strip() == "q"]
        quality = 1.0
        if weights:
            quality = float(weights[0]) if _WEIGHT.fullmatch(weights[0]) else 0.0
        if name:
            found.append((name, quality))
    return found
