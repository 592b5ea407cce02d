"""Servers in processes of their own: `onenet serve`, and the bare FastAPI application it is compared with."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.ground import ROOT, environment, without_part
from bench.measure import NotMeasured

_LISTENS = re.compile(r"listens on http://127\.0\.0\.1:(\d+)")
_STOP_LIMIT_S = 30.0
_SERVE = ["onenet", "serve", "--port", "0"]


@contextmanager
def onenet(url: str, *, worker: bool = False, without: str | None = None) -> Iterator[int]:
    """The port of a running `onenet serve` over a prepared database, perhaps without a part of onenet."""
    words = [*without_part(without), *_SERVE, "--worker" if worker else "--no-worker"]
    with _running(words, ONENET_DATABASE_URL=url) as port:
        yield port


@contextmanager
def working(url: str) -> Iterator[tuple[int, int]]:
    """The port and the process id of a running `onenet serve --worker`."""
    process = _start([*_SERVE, "--worker"], ONENET_DATABASE_URL=url)
    try:
        yield _port(process), process.pid
    finally:
        _stop(process)


@contextmanager
def bare(case: Path) -> Iterator[int]:
    """The port of the application that only validates, or gives back the case in this file."""
    with _running(["bench.own.bare", str(case)]) as port:
        yield port


@contextmanager
def receivers(count: int) -> Iterator[list[int]]:
    """The ports of so many departments that complete at once whatever they are sent."""
    process = _start(["bench.own.receivers", str(count)])
    try:
        yield [_port(process) for _ in range(count)]
    finally:
        _stop(process)


@contextmanager
def _running(words: list[str], **settings: str) -> Iterator[int]:
    process = _start(words, **settings)
    try:
        yield _port(process)
    finally:
        _stop(process)


def _start(words: list[str], **settings: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", *words]
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
