"""`onenet demo`, as a user starts it: a process of its own, ended by Ctrl-C or by a kill."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from onenet.demo.town import free_port
from tests.outward import NO_TLS

pytestmark = pytest.mark.slow

DEADLINE_S = 60.0


def demo(folder: Path, *words: str) -> list[str]:
    """The command line of a demo in this folder."""
    return [sys.executable, "-m", "onenet", "demo", "--folder", str(folder), *words]


@contextmanager
def demo_under_way(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A live demo; whatever the test leaves of it is killed."""
    with (folder.parent / "said.txt").open("w") as said:
        process = subprocess.Popen(demo(folder, *words), stdout=said, stderr=subprocess.STDOUT, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def wait_for(what: str, is_so: Callable[[], Any], folder: Path) -> Any:
    """What `is_so` gives as soon as it gives something."""
    deadline_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        if found := is_so():
            return found
        time.sleep(0.1)
    pytest.fail(f"never: {what}; the demo said {(folder.parent / 'said.txt').read_text()}")


def processes_of(folder: Path) -> list[str]:
    """The command lines of all processes that name the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            places = (entry / "environ").read_bytes() if words else b""
        except OSError:
            continue
        if str(folder).encode() in words + places and entry.name != str(os.getpid()):
            found.append(words.replace(b"\0", b" ").decode(errors="replace"))
    return found


def opened(folder: Path) -> list[str]:
    """The ids of the cases that the demo's front-end knows of."""
    notebook = folder / "front-end.jsonl"
    lines = notebook.read_text().splitlines() if notebook.exists() else []
    return [line["id"] for line in map(json.loads, lines) if "id" in line]


def address(folder: Path) -> str | None:
    """Where the service of the demo under way said that it answers."""
    said = (folder.parent / "said.txt").read_text()
    return next((line.split()[-1] for line in said.splitlines() if "service answers" in line), None)


def view(folder: Path, case_id: str) -> Any:
    """A case as the service shows it; None while it does not answer."""
    keys = json.loads((folder / "onenet-demo.json").read_text())
    headers = {"Authorization": f"Bearer {keys['auditor_key']}"}
    try:
        answer = httpx2.get(
            f"{address(folder)}/v1/cases/{case_id}", headers=headers, trust_env=False, verify=NO_TLS
        )
    except httpx2.HTTPError:
        return None
    return answer.json() if answer.status_code == 200 else None


def is_closed(folder: Path, case_id: str) -> bool:
    shown = view(folder, case_id)
    return shown is not None and shown["state"] in ("completed", "partly_completed", "rejected")


def test_the_check_runs_every_bundle_to_its_end(tmp_path: Path) -> None:
    done = subprocess.run(
        demo(tmp_path / "demo", "--check"), capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("ok")


def test_a_folder_that_is_not_the_demos_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not lose this")
    done = subprocess.run(demo(tmp_path, "--fresh"), capture_output=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("way", [[], ["--check"]])
def test_a_port_that_was_asked_for_and_is_taken_is_refused(tmp_path: Path, way: list[str]) -> None:
    """Whoever goes on with that port would speak to a stranger."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            demo(tmp_path / "demo", "--port", port, *way),
            capture_output=True, text=True, timeout=DEADLINE_S, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        2,
        f"onenet: cannot listen on 127.0.0.1:{port}: Address already in use\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_where_no_port_was_asked_for_a_taken_one_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert free_port(taken.getsockname()[1]) != taken.getsockname()[1]


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with demo_under_way(folder):
        keys = folder / "onenet-demo.json"
        wait_for("keys are kept", lambda: keys.exists() and "onk_" in keys.read_text(), folder)
    assert keys.stat().st_mode & 0o777 == 0o600


def test_cases_go_on_after_ctrl_c_and_a_second_run(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with demo_under_way(folder) as first:
        wait_for("three cases are open", lambda: len(opened(folder)) >= 3, folder)
        first.send_signal(signal.SIGINT)
        assert first.wait(DEADLINE_S) == 0
    assert processes_of(folder) == []
    before = opened(folder)
    with demo_under_way(folder, "--speed", "576000") as second:
        wait_for("the cases are closed", lambda: all(is_closed(folder, id) for id in before[:3]), folder)
        newer = wait_for("a new case is open", lambda: opened(folder)[len(before) :], folder)
        assert view(folder, newer[0])["created_at"] >= view(folder, before[-1])["created_at"]
        second.send_signal(signal.SIGINT)
        assert second.wait(DEADLINE_S) == 0
    assert opened(folder)[: len(before)] == before


def test_no_process_outlives_a_demo_that_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with demo_under_way(folder) as process:
        wait_for("the service answers", lambda: address(folder), folder)
        assert len(processes_of(folder)) > 12
        process.kill()
        process.wait()
        wait_for("every child has ended", lambda: not processes_of(folder), folder)
