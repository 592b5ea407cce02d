"""The installed adapters, found by the entry-point group `onenet.adapters`; ours are no exception."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import cast

from onenet.adapters.base import Adapter, Endpoint
from onenet.errors import MisconfiguredError

GROUP = "onenet.adapters"


@functools.cache
def installed() -> Mapping[str, type[Adapter]]:
    """Every adapter by its name; called at the start, so that a broken one stops it.

    Raises: MisconfiguredError.
    """
    return load(entry_points(group=GROUP))


def adapter_for(endpoint: Endpoint) -> Adapter:
    """The adapter that speaks to this endpoint. Raises: MisconfiguredError."""
    adapter = installed().get(endpoint.adapter)
    if adapter is None:
        raise MisconfiguredError(
            f"department {endpoint.department} wants adapter {endpoint.adapter!r}, which is not installed;"
            f" installed are: {', '.join(installed())}"
        )
    return adapter(endpoint)


def load(entries: Iterable[EntryPoint]) -> Mapping[str, type[Adapter]]:
    """The adapters that these entries name, sorted by name. Raises: MisconfiguredError."""
    found: dict[str, EntryPoint] = {}
    for entry in entries:
        other = found.setdefault(entry.name, entry)
        # The same package may be seen twice, as installed and as checked out; that is no clash.
        if other.value != entry.value:
            raise MisconfiguredError(
                f"two packages offer an adapter {entry.name!r} ({other.value} and {entry.value});"
                " take one of them out"
            )
    return MappingProxyType({name: _load(found[name]) for name in sorted(found)})


def _load(entry: EntryPoint) -> type[Adapter]:
    try:
        adapter: object = entry.load()
    except Exception as error:  # what another package's import may raise, nobody knows
        raise MisconfiguredError(
            f"adapter {entry.name!r} cannot be loaded from {entry.value}: {error}"
        ) from error
    if not (
        isinstance(adapter, type) and all(hasattr(adapter, name) for name in ("submit", "read_callback"))
    ):
        raise MisconfiguredError(
            f"adapter {entry.name!r} ({entry.value}) is not a class with submit and read_callback"
        )
    return cast("type[Adapter]", adapter)
