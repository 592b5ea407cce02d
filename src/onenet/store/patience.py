"""Patience with PostgreSQL: it ends, so that a server which is gone without a word is one that is gone.

The server itself ends a statement after 10 s. When nothing has come after 12 s, not even that, nobody is
there: a network that swallows packets, a machine that froze. A kernel would wait for a quarter of an hour.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.abc import PQGen

ANSWER_LIMIT_S = 12.0


class PatientConnection(psycopg.AsyncConnection[Any]):
    """A connection that hangs up when an answer is overdue: whoever waits hears that the server is gone."""

    async def wait(self, gen: PQGen[Any], *further: Any, **named: Any) -> Any:
        """Waits for the server: every statement, COMMIT and ROLLBACK come through here."""
        overdue = asyncio.get_running_loop().call_later(ANSWER_LIMIT_S, self._hang_up)
        try:
            return await super().wait(gen, *further, **named)
        finally:
            overdue.cancel()

    def _hang_up(self) -> None:
        with (
            suppress(OSError, psycopg.OperationalError),
            socket.socket(fileno=os.dup(self.pgconn.socket)) as line,
        ):
            line.shutdown(socket.SHUT_RDWR)
