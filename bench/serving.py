"""Servers in processes of their own: `onenet serve`, and the bare FastAPI application it is compared with."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.ground import ROOT, environment
from bench.measure import NotMeasured

_LISTENS = re.compile(r"listens on http://127\.0\.0\.1:(\d+)")
_STOP_LIMIT_S = 30.0
_SERVE = [sys.executable, "-c", "from onenet.cli import main; main()", "serve", "--port", "0"]


@contextmanager
def onenet(url: str, *, worker: bool = False) -> Iterator[int]:
    """The port of a running `onenet serve` over a prepared database."""
    with _running([*_SERVE, "--worker" if worker else "--no-worker"], ONENET_DATABASE_URL=url) as port:
        yield port


@contextmanager
def working(url: str) -> Iterator[tuple[int, int]]:
    """The port and the process id of a running `onenet serve --worker`."""
    command = [
        sys.executable,
        "-c",
        "from onenet.cli import main; main()",
        "serve",
        "--port",
        "0",
        "--worker",
    ]
    process = _start(command, ONENET_DATABASE_URL=url)
    try:
        yield _port(process), process.pid
    finally:
        _stop(process)


@contextmanager
def bare(case: Path) -> Iterator[int]:
    """The port of the application that only validates, or gives back the case in this file."""
    with _running([sys.executable, "-m", "bench.own.bare", str(case)]) as port:
        yield port


@contextmanager
def receivers(count: int) -> Iterator[list[int]]:
    """The ports of so many departments that complete at once whatever they are sent."""
    process = _start([sys.executable, "-m", "bench.own.receivers", str(count)])
    try:
        yield [_port(process) for _ in range(count)]
    finally:
        _stop(process)


@contextmanager
def _running(command: list[str], **settings: str) -> Iterator[int]:
    process = _start(command, **settings)
    try:
        yield _port(process)
    finally:
        _stop(process)


def _start(command: list[str], **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment(**settings))


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stdout
    for line in process.stdout:
        if found := _LISTENS.search(line):
            return int(found.group(1))
    raise NotMeasured(f"a server ended with exit status {process.wait()}")


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(_STOP_LIMIT_S)
    assert process.stdout
    process.stdout.close()
