"""Schemathesis against a running server, all checks on: in short here, at length by `python3 dev.py fuzz`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.live import Live, live

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "3")
"""How many requests of each kind for each operation; `python3 dev.py fuzz` asks for 300."""

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("test_fuzz"), pytest.mark.timeout(3_600)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("fuzz")) as started:
        yield started


def fuzz(server: Live, token: str, *words: str) -> subprocess.CompletedProcess[str]:
    schemathesis = Path(sys.executable).with_name("schemathesis")
    return subprocess.run(
        [
            schemathesis,
            "run",
            f"{server.url}/v1/openapi.json",
            "--checks=all",
            "--seed=1",
            f"--header=Authorization: Bearer {token}",
            *words,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("kind", ["frontend", "administrator"])
def test_a_fuzzer_with_all_checks_finds_nothing(server: Live, kind: str) -> None:
    done = fuzz(server, getattr(server, kind), f"--max-examples={EXAMPLES}")
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr
    assert "request.failed" not in server.log.read_text(encoding="utf-8")
