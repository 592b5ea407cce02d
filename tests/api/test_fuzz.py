"""Schemathesis against a running server, all checks on: in short here, at length by `python3 dev.py fuzz`.

What a kind of caller may not ask for is answered 403 before anything else is looked at, whatever stands in
the request. The four thousand requests that Schemathesis works out from the contract (its coverage phase)
therefore go to such an operation once, by a caller that is let in where there is one; a few from the other
phases still go to each operation by each caller, and the truth table holds the 403 of each of them.

The body of an application makes half of the four thousand, once for each operation that takes one. In short
they go to `POST /v1/cases`, at length to all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.live import Live, live
from tests.authorisation.truth_table import committed

AT_LENGTH = "FUZZ_EXAMPLES" in os.environ
EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "3")
"""How many requests of each kind for each operation; `python3 dev.py fuzz` asks for 300."""

APPLICATIONS = {
    "POST /v1/drafts",
    "PUT /v1/drafts/{draft_id}",
    "POST /v1/previews",
    "POST /v1/cases/{case_id}/steps/{step}/reapplications",
}
"""Take the body of `POST /v1/cases`, or a part of it."""

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("test_fuzz"), pytest.mark.timeout(3_600)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("fuzz")) as started:
        yield started


def shut(kind: str) -> set[str]:
    """The operations that nobody of this kind is let in to, as `METHOD path`."""
    answers: dict[str, set[str]] = {}
    for (role, _, route), answer in committed().items():
        if role == kind:
            answers.setdefault(route, set()).add(answer)
    return {route for route, given in answers.items() if given == {"403 forbidden"}}


def settings(folder: Path, kind: str) -> Path:
    """The settings of the project, without the coverage phase where this kind would learn nothing more."""
    left_out = shut(kind) if kind == "administrator" else shut(kind) - shut("administrator")
    assert 0 < len(left_out) < len({route for _, _, route in committed()})
    if not AT_LENGTH:
        left_out |= APPLICATIONS
    names = ", ".join(f'"{route}"' for route in sorted(left_out))
    more = f"\n[[operations]]\ninclude-name = [{names}]\nphases.coverage.enabled = false\n"
    file = folder / "schemathesis.toml"
    file.write_text((ROOT / file.name).read_text(encoding="utf-8") + more, encoding="utf-8")
    return file


def fuzz(server: Live, token: str, config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    schemathesis = Path(sys.executable).with_name("schemathesis")
    return subprocess.run(
        [
            schemathesis,
            f"--config-file={config}",
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
def test_a_fuzzer_with_all_checks_finds_nothing(server: Live, kind: str, tmp_path: Path) -> None:
    done = fuzz(server, getattr(server, kind), settings(tmp_path, kind), f"--max-examples={EXAMPLES}")
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr
    assert "request.failed" not in server.log.read_text(encoding="utf-8")
