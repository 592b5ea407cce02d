"""What the servers of simulated systems have in common."""

from __future__ import annotations

import sys
from http.server import ThreadingHTTPServer
from typing import Any


class Patient(ThreadingHTTPServer):
    """A server with a thread for each caller, that bears with many at once and with those who hang up."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is no news."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)
