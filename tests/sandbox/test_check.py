"""The check over real processes: what keeps the rules passes, what breaks one fails in that one and no other.

By itself each broken receiver is asked about the rule that it breaks; with WHOLE_CHECK=1 about all of them.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from onenet.adapters import signing
from onenet.resources import example_descriptions_dir
from onenet.sandbox.check import Choices, check
from onenet.sandbox.judging import Finding
from onenet.sandbox.service import DEPARTMENT, Department, running
from onenet.services import descriptions
from tests.adapters.departments import department
from tests.adapters.factories import SECRET
from tests.faults.ports import Ports
from tests.keys import KEK
from tests.receivers.programs import receiver, wait_for
from tests.sandbox.broken import BROKEN, program

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.xdist_group("sandbox")]

WHOLE = bool(os.environ.get("WHOLE_CHECK"))
WAIT_S = 8.0

AT_ONCE = 4
"""Checks that go on side by side: mostly they wait, but a crowd of them is late by itself."""

Findings = Mapping[str, Finding]


async def by_name(checks: Mapping[str, Callable[[], Awaitable[Findings]]]) -> Mapping[str, Findings]:
    """What they find, side by side."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(check: Callable[[], Awaitable[Findings]]) -> Findings:
        async with room:
            return await check()

    return dict(zip(checks, await asyncio.gather(*map(one, checks.values())), strict=True))


def verdicts(findings: Findings, verdict: str) -> set[str]:
    return {name for name, each in findings.items() if each.verdict == verdict}


def sandbox_in(folder: Path, template: Path) -> Path:
    """A sandbox's folder whose tables are there already."""
    folder.mkdir()
    shutil.copy(template, folder / "onenet.sqlite3")
    (folder / "kek").write_text(KEK)
    return folder


async def check_receiver(folder: Path, template: Path, spoilt: Any, only: tuple[str, ...]) -> Findings:
    """The findings about a receiver that is killed and started anew in between."""
    command = [sys.executable, str(program(folder, spoilt))]
    with ExitStack() as stack:
        ports = stack.enter_context(Ports())
        port, own_port = ports.take(), ports.take()
        callback_url = f"http://127.0.0.1:{own_port}/v1/callbacks/{DEPARTMENT}"
        started = receiver(command, folder, secret=SECRET, callback_url=callback_url, port=port)
        url, child = await asyncio.to_thread(stack.enter_context, started)

        async def restart() -> None:
            child.kill()
            child.start()
            await asyncio.to_thread(wait_for, port, child)

        sandbox = sandbox_in(folder / "sandbox", template)
        async with running(Department(url, secret=SECRET), sandbox, port=own_port) as service:
            return await check(service, Choices(only, WAIT_S, restart), lambda line: None)


async def check_habit(habit: str, folder: Path, template: Path, **how: Any) -> Findings:
    """The findings about a simulated department."""
    sandbox = sandbox_in(folder / "sandbox", template)
    dialect = "webhook" if how.get("adapter", "webhook") == "webhook" else "simulated"
    with Ports() as ports:
        port = ports.take()
        callback = f"http://127.0.0.1:{port}/v1/callbacks/{DEPARTMENT}"
        with department(folder, habit=habit, callback=callback, dialect=dialect, delay_s=0.02) as simulated:
            wanted = Department(f"{simulated.url}/", secret=SECRET, **how)
            async with running(wanted, sandbox, port=port) as service:
                wait_s = 1.0 if habit == "silent" else WAIT_S
                return await check(service, Choices(wait_s=wait_s), lambda line: None)


async def test_the_documented_receiver_passes(sqlite_template: Path, tmp_path: Path) -> None:
    findings = await check_receiver(tmp_path, sqlite_template, [], ())
    assert verdicts(findings, "failed") == verdicts(findings, "skipped") == set(), findings
    assert verdicts(findings, "not_seen") == {"reject", "supplement"}


@pytest.fixture(scope="module")
async def broken(
    anyio_backend: str, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Findings]:
    """The findings about each broken receiver."""

    def one(rule: str) -> Callable[[], Awaitable[Findings]]:
        folder, only = tmp_path_factory.mktemp(rule), () if WHOLE else (rule,)
        return partial(check_receiver, folder, sqlite_template, BROKEN[rule], only)

    return await by_name({rule: one(rule) for rule in BROKEN})


@pytest.mark.parametrize("rule", BROKEN)
async def test_who_breaks_a_rule_fails_in_it_and_in_no_other(
    rule: str, broken: Mapping[str, Findings]
) -> None:
    assert verdicts(broken[rule], "failed") == {rule}, broken[rule]


HABITS: Mapping[str, tuple[set[str], set[str]]] = {
    "fast": (set(), {"reject", "supplement", "signature", "ids", "repeat", "final"}),
    "slow": (set(), {"reject", "supplement"}),
    "flaky": (set(), {"reject", "supplement"}),
    "supplement": (set(), {"reject"}),
    "inspects": (set(), {"reject", "supplement"}),
    "overdue": (set(), {"reject", "supplement"}),
    "rejects": (set(), {"complete", "supplement"}),
    "twice": (set(), {"reject", "supplement"}),
    "late": (set(), {"reject", "supplement"}),
    "asked": (set(), set()),
    "garbage": ({"accept"}, set()),
    "down": ({"accept"}, set()),
    "silent": ({"answer"}, {"signature", "ids"}),
}
"""What fails and what is not seen of a simulated department, by its habit."""

SHORT = ("fast", "supplement", "inspects", "rejects", "twice", "asked", "garbage", "silent")


@pytest.fixture(scope="module")
async def simulated(
    anyio_backend: str, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Findings]:
    """The findings about simulated departments, by their habits."""
    habits = HABITS if WHOLE else SHORT
    return await by_name(
        {each: partial(check_habit, each, tmp_path_factory.mktemp(each), sqlite_template) for each in habits}
    )


@pytest.mark.parametrize("habit", HABITS if WHOLE else SHORT)
async def test_a_simulated_department_passes_unless_its_habit_is_a_fault(
    habit: str, simulated: Mapping[str, Findings]
) -> None:
    findings = simulated[habit]
    assert (verdicts(findings, "failed"), verdicts(findings, "not_seen")) == HABITS[habit], findings


def described() -> Mapping[str, Any]:
    options, findings = descriptions.read(example_descriptions_dir() / "exchange_list.yaml")
    assert findings == []
    return options


@pytest.mark.parametrize("adapter", ["simulated", "rest"])
async def test_a_department_with_words_of_its_own_passes(
    adapter: str, sqlite_template: Path, tmp_path: Path
) -> None:
    options = described() if adapter == "rest" else {}
    findings = await check_habit("asked", tmp_path, sqlite_template, adapter=adapter, options=options)
    unsigned = {"bad_signature", "old_timestamp", "tampered_body", "rotation"} if adapter == "rest" else set()
    assert verdicts(findings, "failed") == set(), findings
    assert verdicts(findings, "skipped") == {"unknown_members", "restart"} | unsigned


async def test_a_key_of_onenets_own_signs_what_is_sent(sqlite_template: Path, tmp_path: Path) -> None:
    own, sandbox = signing.new_own_key(), sandbox_in(tmp_path / "sandbox", sqlite_template)
    wanted = Department("http://127.0.0.1:9/", secret=own, trusted=(signing.public_half(own),))
    async with running(wanted, sandbox) as service:
        assert service.endpoint.secrets == (own, signing.public_half(own))
