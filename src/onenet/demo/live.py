"""The live demo: a city that goes on until Ctrl-C, with new cases at a pace and a table of them."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import webbrowser
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress import track

from onenet.clock import SystemClock
from onenet.console.words import Language
from onenet.demo import city, database, samples
from onenet.demo.applicant import FINAL, FrontEnd, client_for
from onenet.demo.folder import Folder
from onenet.demo.hotline import People, file, handle, people_of
from onenet.demo.notebook import Notebook, Opened
from onenet.demo.officer import decide_held
from onenet.demo.subscriber import Subscriber
from onenet.demo.table import draw, line_of
from onenet.demo.together import until_one_ends
from onenet.demo.town import Plan, Town, free_port, running

FIRST_PORT = 8000
REDRAW_EVERY_S = 0.5
PLAIN_LINE_EVERY_S = 10.0
LINES_AROUND_ROWS = 8
FEWEST_ROWS = 3


@dataclass(frozen=True, slots=True)
class Scene:
    """What the parts of a live demo work with."""

    town: Town
    front_end: FrontEnd
    subscriber: Subscriber
    console: Console
    language: Language

    def tell(self, line: str = "") -> None:
        """Prints a line that can be copied: it is not wrapped."""
        self.console.print(line, markup=False, soft_wrap=True)

    def page(self, opened: Opened) -> str:
        """The address of a case's page."""
        return f"{self.town.plan.base_url}/track/{opened.number}"


async def live(
    folder: Folder, lock: int, console: Console, *, speed: float | None, port: int | None, open_browser: bool
) -> int:
    """Runs the city until it is cancelled. Raises: ChildFailed when one of its processes does not go on."""

    def tell(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    await database.prepare(folder, tell)
    newest_at = await database.newest_event_at(folder)
    origin = newest_at or SystemClock().now() - city.BACKDATED
    live_speed = speed or city.LIVE_SPEED
    credentials = folder.credentials()
    port = port or free_port(FIRST_PORT)
    notebook = Notebook(folder.notebook)
    async with FrontEnd(f"http://127.0.0.1:{port}", credentials.frontend_key, notebook) as front_end:
        with Subscriber(credentials.subscriber_secret, front_end.hear) as subscriber:
            plan = Plan(folder, lock, port, city.LIVE_DELAY_S, subscriber.url)
            first_speed = live_speed if newest_at else city.BACKDATED_SPEED
            async with running(plan, origin=origin, speed=first_speed, tell=tell) as town:
                scene = Scene(town, front_end, subscriber, console, _language())
                if newest_at is None:
                    await until_one_ends(_backdate(scene), front_end.follow())
                    await town.set_speed(live_speed)
                await _go_on(scene, open_browser=open_browser)
    return 0


async def _go_on(scene: Scene, *, open_browser: bool) -> None:
    credentials = scene.town.plan.folder.credentials()
    await scene.front_end.resume()
    _tell_how_to_try(scene, credentials.frontend_key, credentials.administrator_key)
    newest = scene.front_end.notebook.newest()
    if open_browser and newest:
        webbrowser.open(scene.page(newest))
    base_url = scene.town.plan.base_url
    async with (
        client_for(base_url, credentials.supervisor_key) as officer,
        people_of(base_url, credentials) as people,
    ):
        await until_one_ends(
            scene.front_end.follow(),
            decide_held(officer, scene.front_end.open_cases),
            handle(people),
            _call_hotline(scene, people),
            _apply(scene),
            scene.town.watch(),
            _show(scene),
        )


def _next_samples(scene: Scene) -> Iterator[Mapping[str, Any]]:
    """The samples in turn, for ever, from where the last run stopped."""
    return itertools.islice(itertools.cycle(samples.mixed()), scene.front_end.notebook.count(), None)


def _body(scene: Scene, sample: Mapping[str, Any]) -> dict[str, Any]:
    return samples.submission(sample, (scene.town.legal.now() + city.ZONE).date())


async def _backdate(scene: Scene) -> None:
    """The first run: cases of the last weeks, so that the table is full. Legal time runs very fast."""
    coming = _next_samples(scene)
    cases = range(city.BACKDATED_CASES)
    for _ in track(
        cases, f"cases of the last {city.BACKDATED.days} days", console=scene.console, transient=True
    ):
        await scene.front_end.apply(_body(scene, next(coming)))
        await asyncio.sleep(city.BACKDATED_WITHIN_S / city.BACKDATED_CASES)
    scene.tell(f"✓ {city.BACKDATED_CASES} cases of the last {city.BACKDATED.days} days")


async def _apply(scene: Scene) -> None:
    for sample in _next_samples(scene):
        await scene.front_end.apply(_body(scene, sample))
        await asyncio.sleep(city.NEW_CASE_EVERY_S)


async def _call_hotline(scene: Scene, people: People) -> None:
    """Now and then somebody asks the hotline about the newest open case."""
    while True:
        if open_cases := [view for view in scene.front_end.open_cases() if view["steps"]]:
            await file(people.hotline, open_cases[-1])
        await asyncio.sleep(city.CALL_EVERY_S)


async def _show(scene: Scene) -> None:
    if not scene.console.is_terminal:
        return await _show_lines(scene)
    with Live(console=scene.console, auto_refresh=False) as shown:
        while True:
            rows = max(FEWEST_ROWS, scene.console.height - LINES_AROUND_ROWS)
            views = list(scene.front_end.views.values())
            table = draw(views, _footer(scene), language=scene.language, rows=rows)
            shown.update(table, refresh=True)
            await asyncio.sleep(REDRAW_EVERY_S)


async def _show_lines(scene: Scene) -> None:
    """Without a terminal: a line for each case that is closed, and now and then how all of it stands."""
    told = {case_id for case_id, view in scene.front_end.views.items() if view["state"] in FINAL}
    for turn in itertools.count():
        for case_id, view in list(scene.front_end.views.items()):
            if view["state"] in FINAL and case_id not in told:
                told.add(case_id)
                scene.tell(line_of(view, scene.language))
        if turn % PLAIN_LINE_EVERY_S == 0:
            scene.tell(_footer(scene)[0])
        await asyncio.sleep(1.0)


def _footer(scene: Scene) -> list[str]:
    front_end, subscriber = scene.front_end, scene.subscriber
    legal = scene.town.legal.now() + city.ZONE
    newest = front_end.notebook.newest()
    standing = (
        f"{legal:%Y-%m-%d %H:%M} legal time   {front_end.notebook.count()} cases,"
        f" {len(front_end.open_cases())} open   {len(subscriber.received)} webhooks,"
        f" {subscriber.refused} refused"
    )
    return [standing, f"{scene.page(newest)}   secret {newest.secret}"] if newest else [standing]


def _tell_how_to_try(scene: Scene, frontend_key: str, administrator_key: str) -> None:
    """Lines to paste into another terminal."""
    base_url, folder = scene.town.plan.base_url, scene.town.plan.folder.path
    bodies = samples.by_hand()
    for name, sample in bodies.items():
        text = json.dumps(_body(scene, sample), ensure_ascii=False, indent=2)
        (folder / name).write_text(text, encoding="utf-8")
    citizen = f"-H 'Authorization: Bearer {frontend_key}' -H 'Onenet-Subject: {city.SUBJECT}'"
    scene.tell("\nTo try it yourself (the same Idempotency-Key again gives the same case):")
    scene.tell(
        f"curl -s {base_url}/v1/cases {citizen} -H 'Idempotency-Key: my-first-case'"
        f" -H 'Content-Type: application/json' --data @{folder / 'sample.json'}"
    )
    scene.tell(f"Beside it in {folder} lie {', '.join(sorted(bodies.keys() - {'sample.json'}))}.")
    scene.tell(f"curl -s '{base_url}/v1/cases?limit=5' {citizen}")
    scene.tell(f"curl -s '{base_url}/v1/deliveries?limit=5' -H 'Authorization: Bearer {administrator_key}'")
    scene.tell(f"\nDocumentation of the API: {base_url}/docs   logs: {folder / 'logs'}")
    scene.tell("Ctrl-C stops everything; run it again to go on.\n")


def _language() -> Language:
    """The language of the terminal, by the environment."""
    named = [os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    return "zh" if next(filter(None, named), "").startswith("zh") else "en"
