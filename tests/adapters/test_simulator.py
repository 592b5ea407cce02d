"""Simulated departments over real HTTP, as the adapters meet them: each habit, and what survives a kill."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import onenet
from onenet.adapters import registry, signing
from onenet.adapters.base import Answer, TaskSheet
from onenet.adapters.transport import Attempt, Transport
from onenet.clock import SystemClock
from onenet.domain.bundle import Limit
from onenet.domain.outcome import (
    Accepted,
    Completed,
    Outcome,
    Received,
    Rejected,
    ResultGiven,
    Resumed,
    SupplementNeeded,
    SupplementRequest,
    Suspended,
    TryLater,
    Unclear,
)
from onenet.simulator.dialects import Work
from onenet.simulator.habits import HABITS
from tests.adapters.departments import Department, department
from tests.adapters.factories import KEY, SECRET, make_endpoint, make_task
from tests.adapters.loopback import Loopback, answer, loopback
from tests.outward import HERE

pytestmark = pytest.mark.anyio

DIALECTS = ["webhook", "simulated"]
NOBODY = "http://127.0.0.1:9/"
OTHER_KEY = KEY[:-1] + "2"
YEAR = SystemClock().now().year

each_dialect = pytest.mark.parametrize("dialect", DIALECTS)


async def hand_over(to: Department, dialect: str = "webhook", **task: Any) -> Attempt:
    return await hand_over_sheet(to, make_task(**task), dialect)


async def hand_over_sheet(
    to: Department, sheet: TaskSheet, dialect: str = "webhook", secret: str = SECRET
) -> Attempt:
    endpoint = make_endpoint(to.url, dialect, secrets=(secret,))
    talk = registry.adapter_for(endpoint).submit(sheet)
    async with Transport(destinations=HERE) as transport:
        return await transport.drive(talk, endpoint=endpoint, key=sheet.key, now=SystemClock().now())


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what must come; the deadline is for a test that fails."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - another process has no event to wait for
            await asyncio.sleep(0.02)


async def called_back(onenet: Loopback, count: int, dialect: str = "webhook") -> list[Answer]:
    """The first so many callbacks, proven and read."""
    await until(lambda: len(onenet.heard) >= count)
    adapter = registry.adapter_for(make_endpoint(NOBODY, dialect))
    for heard in onenet.heard:
        assert signing.verify(heard.headers, heard.body, [SECRET], now=SystemClock().now()) is None
    return [adapter.read_callback(heard.body) for heard in onenet.heard[:count]]


def page(serial: int) -> tuple[ResultGiven, ...]:
    return (ResultGiven("household_page", f"POLICE-{YEAR}-{serial:06}"),)


def outcomes(answers: list[Answer]) -> list[Outcome]:
    return [answer.outcome for answer in answers]


ACCEPTED = Accepted("同意受理")


def completed(serial: int = 1) -> Completed:
    return Completed(page(serial), "准予办理")


@each_dialect
async def test_a_fast_one_completes_in_its_answer(tmp_path: Path, dialect: str) -> None:
    with department(tmp_path, habit="fast", dialect=dialect, callback=NOBODY) as police:
        first = await hand_over(police, dialect)
        second = await hand_over(police, dialect, task=OTHER_KEY)
        again = await hand_over(police, dialect)
    assert [first.outcome, second.outcome, again.outcome] == [completed(1), completed(2), completed(1)]


@each_dialect
async def test_a_slow_one_accepts_and_then_completes(tmp_path: Path, dialect: str) -> None:
    async with loopback(answer(200)) as onenet:
        with department(tmp_path, habit="slow", dialect=dialect, callback=f"{onenet.url}/v1/x?a=1") as police:
            attempt = await hand_over(police, dialect)
            answers = await called_back(onenet, 2, dialect)
    assert attempt.outcome == Received()
    assert answers == [Answer(KEY, ACCEPTED, 1), Answer(KEY, completed(), 2)]
    assert {heard.path for heard in onenet.heard} == {"/v1/x?a=1"}


@each_dialect
async def test_a_flaky_one_is_busy_at_the_first_call(tmp_path: Path, dialect: str) -> None:
    async with loopback(answer(200)) as onenet:
        with department(tmp_path, habit="flaky", dialect=dialect, callback=onenet.url) as police:
            attempts = [await hand_over(police, dialect) for _ in range(2)]
            answers = await called_back(onenet, 2, dialect)
    assert [attempt.outcome for attempt in attempts] == [
        TryLater("transient", "answered 503", retry_after_s=1),
        Received(),
    ]
    assert outcomes(answers) == [ACCEPTED, completed()]


@each_dialect
async def test_one_that_wants_a_supplement_completes_the_second_submission(
    tmp_path: Path, dialect: str
) -> None:
    async with loopback(answer(200)) as onenet:
        with department(tmp_path, habit="supplement", dialect=dialect, callback=onenet.url) as police:
            await hand_over(police, dialect)
            await called_back(onenet, 1, dialect)
            await hand_over(police, dialect, task=OTHER_KEY, submission=2)
            asked, *others = await called_back(onenet, 3, dialect)
    assert isinstance(asked.outcome, SupplementNeeded)
    assert asked.outcome.requests == (
        SupplementRequest("material", "birth_certificate", "内容不清晰，请重新提交", "incorrect"),
    )
    assert others == [Answer(OTHER_KEY, ACCEPTED, 1), Answer(OTHER_KEY, completed(), 2)]


async def test_without_materials_it_asks_for_a_form_field(tmp_path: Path) -> None:
    async with loopback(answer(200)) as onenet:
        with department(tmp_path, habit="supplement", callback=onenet.url) as police:
            await hand_over(police, materials=[])
            (asked,) = await called_back(onenet, 1)
    assert isinstance(asked.outcome, SupplementNeeded)
    assert [(request.kind, request.code) for request in asked.outcome.requests] == [("field", "child_name")]


@each_dialect
async def test_one_that_inspects_says_how_long_and_when_it_is_over(tmp_path: Path, dialect: str) -> None:
    async with loopback(answer(200)) as onenet:
        with department(tmp_path, habit="inspects", dialect=dialect, callback=onenet.url) as police:
            await hand_over(police, dialect)
            answers = await called_back(onenet, 4, dialect)
    inspection = Suspended("inspection", "现场检验", Limit(5, "workdays"))
    assert outcomes(answers) == [ACCEPTED, inspection, Resumed(), completed()]


@each_dialect
async def test_one_that_is_overdue_completes_long_after_it_accepted(tmp_path: Path, dialect: str) -> None:
    async with loopback(answer(200)) as onenet:
        with department(tmp_path, habit="overdue", dialect=dialect, callback=onenet.url) as police:
            await hand_over(police, dialect)
            answers = await called_back(onenet, 2, dialect)
    accepted, granted = HABITS["overdue"](Work(1, (), ()), 1).callbacks
    assert outcomes(answers) == [ACCEPTED, completed()]
    assert granted.delays > 5 * accepted.delays


@each_dialect
async def test_one_that_rejects_gives_its_reason(tmp_path: Path, dialect: str) -> None:
    async with loopback(answer(200)) as onenet:
        with department(tmp_path, habit="rejects", dialect=dialect, callback=onenet.url) as police:
            await hand_over(police, dialect)
            answers = await called_back(onenet, 1, dialect)
    assert outcomes(answers) == [Rejected("refused", "不符合法定条件")]


async def test_one_that_says_everything_twice_uses_an_id_twice_and_a_new_one(tmp_path: Path) -> None:
    async with loopback(answer(200)) as onenet:
        with department(tmp_path, habit="twice", callback=onenet.url) as police:
            await hand_over(police)
            answers = await called_back(onenet, 6)
    ids = [heard.headers["webhook-id"] for heard in onenet.heard]
    assert [answer.seq for answer in answers] == [1, 1, 1, 2, 2, 2]
    assert ids[0] == ids[1] != ids[2]
    assert len(set(ids)) == 4


async def test_a_late_one_goes_on_after_it_completed(tmp_path: Path) -> None:
    async with loopback(answer(200)) as onenet:
        with department(tmp_path, habit="late", callback=onenet.url) as police:
            await hand_over(police)
            answers = await called_back(onenet, 3)
    assert answers == [Answer(KEY, completed(), 1), Answer(KEY, ACCEPTED, 2), Answer(KEY, completed(), 3)]


@each_dialect
async def test_garbage_is_unclear(tmp_path: Path, dialect: str) -> None:
    with department(tmp_path, habit="garbage", dialect=dialect, callback=NOBODY) as police:
        attempt = await hand_over(police, dialect)
    assert isinstance(attempt.outcome, Unclear)


async def test_a_silent_one_takes_the_task_and_says_nothing(tmp_path: Path) -> None:
    with department(tmp_path, habit="silent", callback=NOBODY) as police:
        attempt = await hand_over(police)
        counts = police.get()
    assert (attempt.outcome, counts["effects"], counts["callbacks_pending"]) == (Received(), 1, 0)


async def test_one_that_is_down_is_tried_later(tmp_path: Path) -> None:
    with department(tmp_path, habit="down", callback=NOBODY) as police:
        attempt = await hand_over(police)
        counts = police.get()
    assert (attempt.failure, counts["effects"]) == ("transient", 0)


async def test_a_task_has_its_effect_once_however_often_it_comes(tmp_path: Path) -> None:
    with department(tmp_path, habit="slow", callback=NOBODY, delay_s=60) as police:
        await asyncio.gather(*[hand_over(police) for _ in range(8)])
        counts = police.get()
        effects = police.get("/effects")
    assert effects == [{"key": KEY, "times": 1}]
    assert (counts["calls"], counts["effects"], counts["callbacks_pending"]) == (8, 1, 2)


async def test_a_key_that_comes_with_another_body_is_a_clash(tmp_path: Path) -> None:
    with department(tmp_path, habit="slow", callback=NOBODY) as police:
        await hand_over(police)
        sheet = make_task()
        attempt = await hand_over_sheet(police, replace(sheet, payload=sheet.payload.replace("小测", "大测")))
        counts = police.get()
    assert (attempt.status, counts["clashes"], counts["effects"]) == (409, 1, 1)
    state = sqlite3.connect(tmp_path / "police.sqlite3")
    assert [key for (key,) in state.execute("SELECT key FROM clash")] == [KEY]
    state.close()


async def test_a_wrong_signature_is_refused(tmp_path: Path) -> None:
    with department(tmp_path, habit="fast", callback=NOBODY) as police:
        attempt = await hand_over_sheet(police, make_task(), secret=signing.new_secret())
        counts = police.get()
    assert (attempt.status, attempt.failure, counts["calls"]) == (401, "transient", 0)


async def test_a_callback_is_repeated_until_it_is_taken(tmp_path: Path) -> None:
    async with loopback(answer(500), answer(503), answer(429), answer(200)) as onenet:
        with department(tmp_path, habit="rejects", callback=onenet.url) as police:
            await hand_over(police)
            await called_back(onenet, 4)
            await until(lambda: police.get()["callbacks_taken"] == 1)
    assert len({heard.headers["webhook-id"] for heard in onenet.heard}) == 1


async def test_a_later_callback_waits_for_one_that_is_repeated(tmp_path: Path) -> None:
    async with loopback(answer(500), answer(500), answer(200)) as onenet:
        with department(tmp_path, habit="slow", callback=onenet.url) as police:
            await hand_over(police)
            answers = await called_back(onenet, 4)
    assert [answer.seq for answer in answers] == [1, 1, 1, 2]


async def test_a_callback_that_is_refused_is_not_repeated(tmp_path: Path) -> None:
    async with loopback(answer(409), answer(200)) as onenet:
        with department(tmp_path, habit="slow", callback=onenet.url) as police:
            await hand_over(police)
            answers = await called_back(onenet, 2)
            await until(lambda: police.get()["callbacks_taken"] == 1)
            counts = police.get()
    assert [answer.seq for answer in answers] == [1, 2]
    assert counts["callbacks_refused"] == 1


async def test_a_department_that_was_killed_goes_on_calling_back(tmp_path: Path) -> None:
    with department(tmp_path, habit="slow", callback=NOBODY) as police:
        await hand_over(police)
    async with loopback(answer(200)) as onenet:
        with department(tmp_path, habit="slow", callback=onenet.url) as police:
            answers = await called_back(onenet, 2)
            await hand_over(police)
            effects = police.get("/effects")
    assert answers == [Answer(KEY, ACCEPTED, 1), Answer(KEY, completed(), 2)]
    assert effects == [{"key": KEY, "times": 1}]


def test_a_department_loads_nothing_but_the_standard_library() -> None:
    code = (
        "import sys, onenet.simulator.__main__;"
        "print({m.partition('.')[0] for m in sys.modules} - sys.stdlib_module_names - {'onenet'})"
    )
    source = Path(onenet.__file__).parent.parent
    said = subprocess.run([sys.executable, "-S", "-c", code], check=True, capture_output=True, cwd=source)
    assert said.stdout.strip() == b"{'__main__'}"


def test_a_bad_secret_is_told_at_the_start(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "onenet.simulator", "--department=police", "--habit=slow",
        f"--callback={NOBODY}", "--secret=geheim", f"--folder={tmp_path}",
    ]  # fmt: skip
    said = subprocess.run(command, check=False, capture_output=True, text=True)
    assert said.returncode == 2
    assert "whsec_ and the base64 of 24 to 64 bytes" in said.stderr
