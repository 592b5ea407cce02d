"""The receivers of docs/receivers, as they are shown, each as a process of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests import installing
from tests.faults.children import Child, environment
from tests.faults.ports import Ports

RECEIVERS = Path(__file__).resolve().parents[2] / "docs" / "receivers"
WAIT_LIMIT_S = 20.0


def _python(config: pytest.Config) -> list[str]:
    return [sys.executable, str(RECEIVERS / "python" / "receiver.py")]


def _node(config: pytest.Config) -> list[str]:
    folder = installing.installed_by_npm(RECEIVERS / "node", config)
    return ["node", str(shutil.copy(RECEIVERS / "node" / "receiver.mjs", folder / "receiver.mjs"))]


def _java(config: pytest.Config) -> list[str]:
    if shutil.which("javac") is None:
        pytest.skip("no JDK is installed")
    source = RECEIVERS / "java" / "Receiver.java"
    folder = installing.kept(source, config)
    if not (folder / "Receiver.class").exists():
        words = ["javac", "-Xlint:all", "-Werror", "-encoding", "UTF-8", "-d", str(folder)]
        subprocess.run([*words, str(source)], check=True)
    return ["java", "-cp", str(folder), "Receiver"]


LANGUAGES: Mapping[str, Callable[[pytest.Config], list[str]]] = {
    "python": _python,
    "node": _node,
    "java": _java,
}
"""The command of each. Skips where its runtime or its packages are missing."""


@contextmanager
def receiver(
    command: list[str], folder: Path, *, secret: str, callback_url: str, port: int | None = None
) -> Iterator[tuple[str, Child]]:
    """A receiver that listens: where it takes tasks, and its process."""
    with Ports() as ports:
        port = port or ports.take()
        settings = {
            "SIGNING_SECRET": secret, "CALLBACK_URL": callback_url, "PORT": str(port),
            "DATABASE": str(folder / "department.sqlite3"), "FOLDER": str(folder / "department"),
        }  # fmt: skip
        child = Child("receiver", command, folder, environment(**settings))
        try:
            child.start()
            wait_for(port, child)
            yield f"http://127.0.0.1:{port}/tasks", child
        finally:
            child.end()


def wait_for(port: int, child: Child) -> None:
    """Waits until the receiver listens. Raises: AssertionError."""
    deadline = time.monotonic() + WAIT_LIMIT_S
    while True:
        child.check()
        try:
            httpx2.post(f"http://127.0.0.1:{port}/tasks", content=b"", trust_env=False)
        except httpx2.TransportError:
            assert time.monotonic() < deadline, f"the receiver does not listen\n{child.tail()}"
            time.sleep(0.05)
        else:
            return
