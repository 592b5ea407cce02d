"""The guarded protocol that this installation reads HTTP with: the one that uvicorn would take."""

from __future__ import annotations

import asyncio
from typing import Literal

from onenet.guard.by_h11 import GuardedH11
from onenet.guard.line import Guard

Reader = Literal["httptools", "h11"]


def guarded(guard: Guard, reader: Reader | None = None) -> type[asyncio.Protocol]:
    """A class of protocols under this guard. `reader`: the faster one that is installed, unless named."""
    return type("Guarded", (_class(reader),), {"guard": guard})


def _class(reader: Reader | None) -> type[asyncio.Protocol]:
    if reader == "h11":
        return GuardedH11
    try:
        from onenet.guard.by_httptools import GuardedHttpTools
    except ModuleNotFoundError:
        if reader is not None:
            raise
        return GuardedH11
    return GuardedHttpTools
