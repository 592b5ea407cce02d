"""Simulated departments as the separate processes that they are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.adapters.factories import SECRET


@dataclass(frozen=True, slots=True)
class Department:
    """A running department; `folder` holds its SQLite file, named after its code."""

    code: str
    url: str
    folder: Path
    process: subprocess.Popen[bytes]

    def get(self, path: str = "/") -> Any:
        with urlopen(f"{self.url}{path}", timeout=30) as response:  # noqa: S310 - our own address
            return json.load(response)


@contextmanager
def department(
    folder: Path, *, habit: str, callback: str, dialect: str = "webhook", code: str = "police",
    delay_s: float = 0.05, secret: str = SECRET, port: int = 0, more: Sequence[str] = (),
) -> Iterator[Department]:  # fmt: skip
    """Starts one and kills it at the end, without a warning: it must bear that."""
    command = [
        sys.executable, "-m", "onenet.simulator", f"--department={code}", f"--habit={habit}",
        f"--dialect={dialect}", f"--port={port}", f"--callback={callback}", f"--secret={secret}",
        f"--folder={folder}", f"--delay-s={delay_s}", *more,
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            port = json.loads(process.stdout.readline())["port"]
            yield Department(code, f"http://127.0.0.1:{port}", folder, process)
        finally:
            process.kill()
