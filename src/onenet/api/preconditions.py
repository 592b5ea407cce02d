"""ETags and the headers that name them: If-None-Match spares an answer, If-Match guards a change."""

from __future__ import annotations

import hashlib
import re

from onenet.errors import Fault, InvalidInput

_TAG = r'(?:W/)?"[!#-~\x80-\xff]*"'
_LIST = re.compile(rf"(?:[ \t]*,)*[ \t]*(?:{_TAG}[ \t]*(?:,[ \t]*(?:{_TAG}[ \t]*)?)*)?")


def entity_tag(*parts: str | int | bytes) -> str:
    """A strong ETag over everything that a representation depends on, quotes included."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return f'"{digest.hexdigest()[:32]}"'


def is_unchanged(if_none_match: str | None, current: str) -> bool:
    """Whether the caller already has the current representation: compares weakly, knows lists and `*`."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return current in [tag.removeprefix("W/") for tag in _tags(if_none_match) or []]


def listed_tags(if_match: list[str]) -> list[str] | None:
    """The ETags that If-Match headers name; None when there is no such header, or it is `*`.

    Only strong ones are kept: If-Match compares strongly. Raises: InvalidInput for what is no list of ETags.
    """
    header = ", ".join(if_match).strip()
    if not if_match or header == "*":
        return None
    tags = _tags(header)
    if not tags:
        fault = Fault("format", '应为 ETag，或 "*"', "Expected an ETag, or *", header="If-Match")
        raise InvalidInput(faults=(fault,))
    return [tag for tag in tags if not tag.startswith("W/")]


def _tags(header: str) -> list[str] | None:
    """The tags of a list, with `W/` where they have it; None when it is not a list of tags."""
    return re.findall(_TAG, header) if _LIST.fullmatch(header) else None
