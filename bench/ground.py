"""The ground a benchmark stands on: the server, prepared databases, processes that measure themselves."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.keys import KEK
from bench.measure import NotMeasured
from bench.server import PostgresServer, running_postgres
from onenet import quotas

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = ROOT / "bench" / "plugin"
PEERS = ROOT / ".venv-bench"
TEMPLATE = "prepared"
LIMIT_S = 1_800


def tell(line: str) -> None:
    """Says how far it is, beside the results."""
    print(f"bench: {line}", file=sys.stderr, flush=True)


@dataclass
class Ground:
    """What benchmarks share. `size` scales every count: 1 is the real thing, less is a rehearsal."""

    runs: int
    size: float
    profile: bool = False
    cases: int = 100_000
    _open: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __enter__(self) -> Ground:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    @cached_property
    def server(self) -> PostgresServer:
        """The server, started when it is first asked for."""
        server = self._open.enter_context(running_postgres())
        tell(f"PostgreSQL {server.version} on port {server.port}, fsync and synchronous_commit on")
        return server

    @cached_property
    def _template(self) -> str:
        from bench import town

        town.prepare(self.server.create(TEMPLATE))
        return TEMPLATE

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a PostgreSQL database in which onenet is ready for its first case."""
        with self.server.database(self._template) as url:
            yield url

    def count(self, real: int, least: int = 1) -> int:
        """How many, at this size."""
        return max(least, round(real * self.size))

    def own(
        self, module: str, *words: str | int, asked: str = "", without: str | None = None
    ) -> dict[str, Any]:
        """What a process of onenet's measured of itself; `asked` is its standard input."""
        modules = [*without_part(without), f"bench.own.{module}"]
        return self._measured([sys.executable, "-m", *modules, *map(str, words)], asked)

    def peer(self, name: str, *words: str | int) -> dict[str, Any]:
        """What a peer's process measured of itself. Raises: NotMeasured."""
        python = PEERS / name / ("Scripts" if os.name == "nt" else "bin") / "python"
        if not (PEERS / name / "onenet.stamp").exists():
            raise NotMeasured(f"{name} is not installed in {PEERS.name}: `python3 dev.py bench` tries to")
        return self._measured([str(python), "-m", f"bench.peers.{name}_steps", *map(str, words)])

    def _measured(self, command: list[str], asked: str = "") -> dict[str, Any]:
        """The last line the process printed. Raises: NotMeasured with what it said last."""
        errors = None if self.profile else subprocess.PIPE
        try:
            done = subprocess.run(
                command, input=asked, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT,
                env=environment(), timeout=LIMIT_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise NotMeasured(f"not done within {LIMIT_S} s") from error
        if done.returncode:
            # What went wrong, not the frame that is drawn around a group of exceptions.
            said = [line.strip(" |+-") for line in (done.stderr or "").splitlines() if "Error" in line]
            raise NotMeasured(f"exit status {done.returncode}: {said[-1] if said else 'nothing said'}")
        measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return measured


def without_part(part: str | None) -> list[str]:
    """What stands before the name of a module that is to run without this part."""
    return ["bench.own.without", part] if part else []


def environment(**more: str) -> dict[str, str]:
    """The variables of a child: no settings of the caller's, the benchmark's own adapter in sight."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ONENET_")}
    # Counted as they are everywhere, and not stopped: one subject sends here what a city does.
    kept |= {"ONENET_QUOTAS": ",".join(f"{name}=10000000/10" for name in quotas.POLICIES)}
    kept |= {"ONENET_KEK": KEK, "ONENET_INNER_NETWORKS": "127.0.0.1:1-65535"}
    return kept | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(PLUGIN)])} | more
