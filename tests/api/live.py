"""A whole onenet in a process of its own: the shipped catalogue, a key of each kind, HTTP on a free port."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.forking import Forked
from tests.outward import NO_TLS

DEADLINE_S = 30


@dataclass(frozen=True)
class Live:
    """A server that answers."""

    url: str
    frontend: str
    administrator: str
    log: Path
    run: Callable[..., str]
    """Runs a command of the command line to its end; gives what it said."""

    def headers(self, token: str, subject: str = "citizen-1") -> dict[str, str]:
        """What a caller with this token sends."""
        return {"Authorization": f"Bearer {token}", "Onenet-Subject": subject}


@contextmanager
def live(folder: Path, **settings: str) -> Iterator[Live]:
    """A server over a new SQLite database in the folder, stopped at the end; with these variables, too."""
    port = _free_port()
    environment = {
        **os.environ,
        "ONENET_DATA_DIR": str(folder),
        "ONENET_PORT": str(port),
        "ONENET_QUOTAS": "all=off",  # a fuzzer is no citizen
        "ONENET_DATABASE_URL": f"sqlite:///{folder / 'onenet.sqlite3'}",
        **settings,
    }

    def onenet(*words: str) -> str:
        said = folder / f"{'-'.join(words[:3])}.log"
        done = Forked(("-m", "onenet", *words), environment, said, said)
        assert done.wait(DEADLINE_S) == 0, said.read_text(encoding="utf-8")
        return said.read_text(encoding="utf-8")

    onenet("db", "upgrade")
    onenet("catalogue", "publish")
    frontend = json.loads(onenet("key", "create", "frontend", "app", "--json"))["token"]
    administrator = json.loads(onenet("key", "create", "administrator", "root", "--json"))["token"]
    log = folder / "server.log"
    server = Forked(("-m", "onenet", "serve"), environment, log, log)
    try:
        made = Live(f"http://127.0.0.1:{port}", frontend, administrator, log, onenet)
        _wait_for(made.url, server)
        yield made
    finally:
        server.terminate()
        server.wait(timeout=DEADLINE_S)


def _wait_for(url: str, server: Forked) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx2.get(f"{url}/health/ready", verify=NO_TLS).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise RuntimeError("the server did not become ready")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
