"""A simulated source of certificates in a thread of its own, asked over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from onenet.simulator.certificates import Server, Source
from onenet.sources import Connected

KEY = "source-key"


@contextmanager
def listening(source: Source) -> Iterator[str]:
    """Where it is, while it listens."""
    server = Server(0, source)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/ask"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def connected(url: str, code: str = "register", *, key: str = KEY, within_s: float = 5.0) -> Connected:
    """How it is named in the settings."""
    return Connected.model_validate({"code": code, "url": url, "key": key, "within_s": within_s})
