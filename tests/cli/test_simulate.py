"""department simulate as a command: two runs over one folder, and what they tell."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.adapters.departments import department
from tests.faults.ports import Ports
from tests.keys import KEK

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("sandbox")]

COMMAND = (sys.executable, "-c", "from onenet.cli import main; main()", "department", "simulate")


@dataclass
class Run:
    """A run of the command. `said`: on standard error; `told`: what happened, on standard output."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def press_enter(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def introduced(self, name: str) -> str:
        """What the developer's system has to know by this name."""
        assert self.process.stderr is not None
        while not self.said or not self.said[-1].startswith(f"{name}:"):
            self.said.append(self._line(self.process.stderr.readline()))
        return self.said[-1].partition(":")[2].strip()

    def until(self, is_last: Callable[[str], bool]) -> None:
        """Reads what happens up to this."""
        assert self.process.stdout is not None
        while not self.told or not is_last(self.told[-1]):
            self.told.append(self._line(self.process.stdout.readline()))

    def _line(self, line: str) -> str:
        assert line, (self.said, self.told)
        return line.rstrip("\n")

    def end(self) -> int:
        """Ctrl-C; the exit status."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=30)
        self.told += out.splitlines()
        self.said += err.splitlines()
        return self.process.returncode


@contextmanager
def simulate(*words: str) -> Iterator[Run]:
    """The command; the database of the environment is none that it could open."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ONENET_")}
    with subprocess.Popen(
        [*COMMAND, *words],
        env={**plain, "ONENET_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield Run(process)
        finally:
            process.kill()


@dataclass(frozen=True)
class Runs:
    """What two runs said, each with its secret, its key and its exit status."""

    first: Run
    second: Run
    secrets: tuple[str, str]
    keys: tuple[str, str]
    seen: int
    statuses: tuple[int, int]

    def of_second(self, **members: Any) -> Mapping[str, Any]:
        """The first line of the second run with these members, as JSON."""
        lines = map(json.loads, self.second.told)
        return next(line for line in lines if members.items() <= line.items())


@pytest.fixture(scope="module")
def runs(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """First a department that does as it is asked, and one case; then one that cannot be read, and many."""
    folder = tmp_path_factory.mktemp("simulate")
    shutil.copy(sqlite_template, folder / "onenet.sqlite3")
    (folder / "kek").write_text(KEK)
    with Ports() as ports:
        port, own = ports.take(), ports.take()
        url, callback = f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{own}/v1/callbacks/sandbox"
        words = ("--url", url, "--folder", str(folder), "--listen", str(own))
        with simulate(*words, "--wish", "supplement") as first:
            secrets, keys = [first.introduced("signing secret")], [first.introduced("API key")]
            with department(folder, habit="asked", callback=callback, secret=secrets[0], port=port):
                first.press_enter()
                first.until(lambda line: " step completed" in line)
            httpx2.post(callback, json={}, headers={"webhook-id": "by-nobody"}, trust_env=False)
            first.until(lambda line: "by-nobody" in line)
            statuses = [first.end()]
        with (
            department(folder, habit="garbage", callback=callback, secret=secrets[0], port=port, code="other")
            as unreadable,
            simulate(*words, "--every", "0.2", "--json") as second,
        ):  # fmt: skip
            secrets.append(second.introduced("signing secret"))
            keys.append(second.introduced("API key"))
            bearer = {"authorization": f"Bearer {keys[0]}"}
            seen = httpx2.get(f"http://127.0.0.1:{own}/v1/cases", headers=bearer, trust_env=False)
            second.until(lambda line: '"held"' in line)
            unreadable.process.kill()
            second.until(lambda line: '"department_unreachable"' in line)
            statuses.append(second.end())
    both = (secrets[0], secrets[1]), (keys[0], keys[1])
    return Runs(first, second, *both, seen.status_code, (statuses[0], statuses[1]))


SENT = "call 1 about TASK: answered 202 after N ms"
CALLED_BACK = "callback MESSAGE: {}; answered 200 applied"


def test_enter_files_a_case_and_what_happens_is_told_to_its_end(runs: Runs) -> None:
    told = "\n".join(line.partition(" ")[2].partition(" ")[2] for line in runs.first.told)
    for form, name in (
        (r"tsk_\w{26}", "TASK"),
        (r"msg_\w{26}", "MESSAGE"),
        (r"\d+ ms", "N ms"),
        (r"\d{4}-\d\d-\d\d", "DAY"),
    ):
        told = re.sub(form, name, told)
    assert [line.strip() for line in told.splitlines()] == [
        "filed, wish = supplement", "step dispatched, with_department",
        SENT, CALLED_BACK.format("supplement_needed"), "step supplement_needed, supplement until DAY",
        "step dispatched, submission 2, with_department",
        SENT, CALLED_BACK.format("accepted"), "step accepted, submission 2, being_decided",
        CALLED_BACK.format("completed"), "step completed, submission 2",
        "callback by-nobody: unreadable; answered 401 unauthenticated (signature: missing_header)",
    ]  # fmt: skip


def test_ctrl_c_ends_it_cleanly(runs: Runs) -> None:
    assert runs.statuses == (0, 0)
    assert not re.search("Traceback|Error", "\n".join([*runs.first.said, *runs.second.said]))


def test_a_folder_keeps_the_secret_the_key_and_the_cases(runs: Runs) -> None:
    assert len(set(runs.secrets)) == len(set(runs.keys)) == 1
    numbers = {line.split(" ")[1] for line in runs.first.told if "filed" in line}
    numbers |= {json.loads(line)["case"] for line in runs.second.told if '"filed"' in line}
    assert sorted(int(number[-6:]) for number in numbers) == list(range(1, len(numbers) + 1))


def test_the_key_opens_the_api(runs: Runs) -> None:
    assert runs.seen == 200


def test_cases_are_filed_by_themselves_every_so_often(runs: Runs) -> None:
    assert sum('"filed"' in line for line in runs.second.told) >= 2


def test_a_held_step_is_told_with_its_reason(runs: Runs) -> None:
    held = runs.of_second(event="step", state="held", because="unclear_answer")
    assert held["reason"].startswith("the answer: Not well-formed JSON")


def test_a_call_that_failed_is_told_with_the_time_of_the_next(runs: Runs) -> None:
    call = runs.of_second(event="call", failure="transient")
    step = runs.of_second(event="step", because="department_unreachable", case=call["case"])
    assert call["again_at"] == step["until"] is not None
