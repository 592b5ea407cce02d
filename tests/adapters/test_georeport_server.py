"""The simulated GeoReport server over real HTTP: as our adapter meets it, and as somebody else reads it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from georeport import GeoReport

from onenet.adapters.open311 import Open311
from onenet.adapters.transport import Attempt, Transport
from onenet.clock import SystemClock
from onenet.domain.outcome import Accepted, Completed, Outcome, Received, Rejected, TryLater, Unclear
from onenet.simulator.georeport import KINDS
from onenet.simulator.paper import QUIRKS
from tests.adapters.departments import Department, department
from tests.adapters.factories import GEOREPORT, KEY, make_endpoint, make_task
from tests.outward import HERE

pytestmark = pytest.mark.anyio

FORMATS = ("xml", "json")
NOBODY = "http://127.0.0.1:9/"
ACCEPTED, COMPLETED = Accepted("同意受理"), Completed(opinion="准予办理")


@contextmanager
def server(
    folder: Path,
    habit: str = "slow",
    *,
    kind: str = "realtime",
    quirks: tuple[str, ...] = (),
    delay_s: float = 0.05,
) -> Iterator[Department]:
    more = ["--key=example-key", f"--kind={kind}", *(f"--quirk={quirk}" for quirk in quirks)]
    with department(
        folder, habit=habit, dialect="open311", callback=NOBODY, delay_s=delay_s, more=more
    ) as running:
        yield running


class Desk:
    """Our side of it: an adapter, and the transport that drives it."""

    def __init__(self, to: Department, **options: Any) -> None:
        self._endpoint = make_endpoint(to.url, "open311", options=GEOREPORT | options)
        self._adapter = Open311(self._endpoint)

    async def file(self, *, attempt: int = 1, **task: Any) -> Attempt:
        return await self._drive(self._adapter.submit(make_task(attempt=attempt, **task)))

    async def ask(self, reference: str | None, **task: Any) -> Outcome:
        return (await self._drive(self._adapter.poll(make_task(**task), reference))).outcome

    async def follow(self, filed: Attempt, until: Callable[[Outcome], bool], **task: Any) -> list[Outcome]:
        """What is said one after another, each once, until it is this."""
        assert isinstance(filed.outcome, Received)
        said: list[Outcome] = [filed.outcome]
        reference = filed.outcome.reference
        async with asyncio.timeout(30):
            while not until(said[-1]):
                outcome = await self.ask(reference, **task)
                if isinstance(outcome, Received):
                    reference = outcome.reference or reference
                if outcome != said[-1]:
                    said.append(outcome)
                await asyncio.sleep(0.02)
        return said

    async def _drive(self, talk: Any) -> Attempt:
        async with Transport(destinations=HERE) as transport:
            return await transport.drive(talk, endpoint=self._endpoint, key=KEY, now=SystemClock().now())


def is_final(outcome: Outcome) -> bool:
    return isinstance(outcome, Completed | Rejected | Unclear)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_request_is_filed_and_followed_to_its_end(tmp_path: Path, kind: str) -> None:
    with server(tmp_path, kind=kind) as city:
        stories = []
        for form in FORMATS:
            desk, task = Desk(city, format=form), f"{KEY[:-1]}{len(form)}"
            stories.append(await desk.follow(await desk.file(task=task), is_final, task=task))
        effects = city.get("/effects")
    begun = {"realtime": "requests/[12]", "token": "tokens/[0-9a-f]{12}", "batch": "None"}[kind]
    for said in stories:
        assert isinstance(said[0], Received)
        assert re.fullmatch(begun, str(said[0].reference))
        assert said[-1] == COMPLETED
    assert [effect["times"] for effect in effects] == [1, 1]


TOGETHER = [
    (("bare", "bom", "namespace", "words"), "requests/001"),
    (("zero", "single"), "requests/0"),
    (("gbk", "named", "errors_200"), "requests/1"),
]
"""Quirks that one server can have, and the request that it is given first."""


@pytest.mark.parametrize(("quirks", "first"), TOGETHER)
async def test_a_server_with_quirks_is_understood(
    tmp_path: Path, quirks: tuple[str, ...], first: str
) -> None:
    with server(tmp_path, "fast", quirks=quirks) as city:
        for form in FORMATS:
            desk = Desk(city, format=form)
            again = await desk.file(attempt=2)
            assert again.outcome == Received(first, 600)
            assert await desk.ask(first) == COMPLETED
            assert isinstance(await desk.ask("requests/404"), TryLater)
        effects = city.get("/effects")
    assert effects == [{"key": KEY, "times": 1}]


def test_every_quirk_is_tried() -> None:
    assert {quirk for quirks, _ in TOGETHER for quirk in quirks} == set(QUIRKS)


async def test_what_a_server_refuses_is_told_by_its_updates(tmp_path: Path) -> None:
    """The standard's own word for it is closed, which says nothing of the kind."""
    with server(tmp_path, "rejects") as city:
        desk = Desk(city, follow="updates")
        said = await desk.follow(await desk.file(), is_final)
    assert said[-1] == Rejected("not_competent", "不符合法定条件")


async def test_updates_tell_what_lies_between_open_and_closed(tmp_path: Path) -> None:
    with server(tmp_path, "twice", delay_s=0.6) as city:
        desk = Desk(city, follow="updates")
        said = await desk.follow(await desk.file(), is_final)
    assert said[1:] == [ACCEPTED, COMPLETED]


async def test_an_answer_that_was_lost_after_its_effect_files_nothing_twice(tmp_path: Path) -> None:
    with server(tmp_path, "lost") as city:
        for place, form in enumerate(FORMATS, 1):
            desk, task = Desk(city, format=form), f"{KEY[:-1]}{place}"
            lost = await desk.file(task=task)
            again = await desk.file(attempt=2, task=task)
            assert (lost.failure, again.outcome) == ("transient", Received(f"requests/{place}", 600))
        effects = city.get("/effects")
    assert [effect["times"] for effect in effects] == [1, 1]


async def test_limit_a_lost_answer_files_twice_where_the_list_is_not_searched(tmp_path: Path) -> None:
    """What a city that cannot be searched gets: two requests, the second of which says that it may be one."""
    with server(tmp_path, "lost") as city:
        desk = Desk(city, again="mark")
        await desk.file()
        await desk.file(attempt=2)
        effects, requests = city.get("/effects"), city.get("/requests.json")
    assert effects == [{"key": KEY, "times": 2}]
    assert ["可能已立案" in request["description"] for request in requests] == [True, False]


async def test_a_batch_whose_answer_was_lost_is_found_when_it_has_been_entered(tmp_path: Path) -> None:
    with server(tmp_path, "lost", kind="token", delay_s=0.5) as city:
        desk = Desk(city)
        await desk.file()
        deadline = time.monotonic() + 30
        while not city.get("/requests.json") and time.monotonic() < deadline:  # noqa: ASYNC110 - another process has no event to wait for
            await asyncio.sleep(0.02)
        again = await desk.file(attempt=2)
    assert again.outcome == Received("requests/1", 600)


async def test_nothing_of_other_peoples_requests_is_kept_on_record(tmp_path: Path) -> None:
    with server(tmp_path, "fast") as city:
        desk = Desk(city)
        filed = await desk.file()
        found = await desk.file(attempt=2)
    assert ("service_request_id" in filed.excerpt, found.excerpt) == (True, "")


@pytest.mark.parametrize(
    ("habit", "failure"), [("flaky", "transient"), ("down", "transient"), ("garbage", None)]
)
async def test_a_bad_habit_is_what_it_is_for_everybody(
    tmp_path: Path, habit: str, failure: str | None
) -> None:
    with server(tmp_path, habit) as city:
        attempt = await Desk(city).file()
    assert (attempt.failure, isinstance(attempt.outcome, Unclear)) == (failure, failure is None)


async def test_a_wrong_key_is_refused_and_never_kept(tmp_path: Path) -> None:
    with server(tmp_path) as city:
        endpoint = make_endpoint(city.url, "open311", credentials={"api_key": "another-key"})
        talk = Open311(endpoint).submit(make_task())
        async with Transport(destinations=HERE) as transport:
            attempt = await transport.drive(talk, endpoint=endpoint, key=KEY, now=SystemClock().now())
    assert (attempt.status, attempt.failure) == (403, "transient")
    assert "another-key" not in attempt.excerpt


async def test_a_server_that_was_killed_goes_on_with_what_it_was_given(tmp_path: Path) -> None:
    with server(tmp_path) as city:
        filed = await Desk(city).file()
    with server(tmp_path) as city:
        said = await Desk(city).follow(filed, is_final)
    assert said[-1] == COMPLETED


async def test_an_independent_reader_reads_our_server(tmp_path: Path) -> None:
    """georeport, which none of us wrote: services, definition, list and one request, two in each list."""
    with server(tmp_path, "fast", delay_s=0) as city:
        for child in ("小测", "🙂 & <b>"):
            await Desk(city).file(form={"child_name": child})
        for form in FORMATS:
            theirs = GeoReport(city.url, output_format=form)
            services = await asyncio.to_thread(theirs.get_service_list)
            definition = await asyncio.to_thread(theirs.get_service_definition, "001")
            requests = await asyncio.to_thread(theirs.get_service_requests, status="closed")
            one = await asyncio.to_thread(theirs.get_service_request, "1")
            assert [service["service_code"] for service in services] == ["001", "002"]
            assert definition["service_code"] == "001"
            assert [request["service_request_id"] for request in requests] == ["2", "1"]
            assert one["description"] == f"户口登记\n[onenet {KEY}]"
            assert (one["status"], one["status_notes"], one["address"]) == (
                "closed",
                "准予办理",
                "示例路 5 号",
            )
