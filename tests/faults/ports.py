"""Ports from the kernel, kept for the time in which their process is down."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self


class Ports:
    """Bound, never listening: a child may listen there, and no outgoing connection is given the number."""

    def __init__(self) -> None:
        """Keeps none yet."""
        self._kept: list[socket.socket] = []

    def take(self) -> int:
        """A free port of the loopback address."""
        kept = socket.socket()
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        self._kept.append(kept)
        port: int = kept.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for kept in self._kept:
            kept.close()
