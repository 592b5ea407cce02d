"""A real NATS server with JetStream on the loopback address, which a test may stop and start again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js.errors import NotFoundError

from tests.faults.ports import Ports

START_LIMIT_S = 10.0


def find_nats_server() -> str:
    """The program. Where there is none: a skip that says so, an error where CI is set."""
    found = shutil.which("nats-server", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if found is None:
        if os.environ.get("CI"):
            raise FileNotFoundError("nats-server is not installed (Debian package nats-server)")
        pytest.skip("nats-server is not installed (Debian package nats-server)")
    return found


@dataclass
class NatsServer:
    """The server: what it stores stays, whatever happens to its process."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it; returns when it listens."""
        words = ("-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self.folder), "-l", self._log)
        self.process = subprocess.Popen([find_nats_server(), *words], process_group=0)
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            assert self.process.poll() is None, Path(self._log).read_text()
            assert time.monotonic() < deadline, "nats-server does not listen"
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    @property
    def _log(self) -> str:
        return str(self.folder / "nats.log")

    async def stored(self, stream: str) -> list[dict[str, Any]]:
        """Every message of a stream, in the order in which the broker has them: subject, headers, body."""
        client = await nats.connect(self.url)
        try:
            manager = client.jetstream()
            count = (await manager.stream_info(stream)).state.messages
            found = []
            for seq in range(1, count + 1):
                try:
                    raw = await manager.get_msg(stream, seq)
                except NotFoundError:
                    break
                body = json.loads(raw.data or b"")
                found.append({"subject": raw.subject, "headers": raw.headers, "body": body})
            return found
        finally:
            await client.close()


@contextmanager
def start_broker(folder: Path) -> Iterator[NatsServer]:
    """A running server of the test's own."""
    find_nats_server()
    folder.mkdir()
    with Ports() as ports:
        server = NatsServer(ports.take(), folder)
        server.start()
        try:
            yield server
        finally:
            server.kill()
