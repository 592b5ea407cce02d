"""`onenet demo --check`: one case of each bundle at once, to its end, and then proof that all went right.

Nothing is made easier than in the live demo: the same processes, the same HTTP, only a faster legal clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
from rich.console import Console

from onenet.clock import SystemClock
from onenet.demo import city, database, proof, samples
from onenet.demo.applicant import FINAL, FrontEnd, View, ask, client_for
from onenet.demo.folder import Folder
from onenet.demo.hotline import People, file, handle, people_of
from onenet.demo.notebook import Notebook
from onenet.demo.proof import Told
from onenet.demo.subscriber import Subscriber
from onenet.demo.together import until_one_ends
from onenet.demo.town import Plan, Town, free_port, running
from onenet.services import record

CLOSED_WITHIN_S = 60.0
QUIET_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Expected:
    """A sample, by its place in the file of its bundle, or in a file of its own, and the state it must end
    in.
    """

    name: str
    place: int | None
    state: str

    def sample(self) -> Mapping[str, Any]:
        """What is applied for."""
        if self.place is None:
            return samples.by_hand()[f"{self.name}.json"]
        return samples.read(self.name)[self.place]


CASES = (
    Expected("newborn", 1, "completed"),
    Expected("twins", None, "completed"),
    Expected("restaurant", 3, "partly_completed"),
    Expected("enterprise_deregistration", 0, "completed"),
    Expected("enterprise_information_change", 0, "completed"),
    Expected("retirement", 0, "completed"),
    Expected("after_death", 0, "completed"),
    Expected("school_enrolment", 0, "completed"),
    Expected("graduates", 0, "completed"),
)
"""A supplement and doubled answers; two subjects in one case; a refusal, an inspection and an opinion; a
waiting period; a limit used up; then the longest chain, the most members, checks that feed one decision, one
of a busy office; somebody who settles."""

ASKED_ABOUT = "restaurant"
"""The case about which somebody calls the hotline."""


@dataclass(slots=True)
class Run:
    """A check under way. `ids`: the case of each name. `failures`: what is wrong."""

    town: Town
    front_end: FrontEnd
    subscriber: Subscriber
    people: People
    console: Console
    ids: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def tell(self, line: str) -> None:
        """Prints a line."""
        self.console.print(line, markup=False, soft_wrap=True)

    def view(self, name: str) -> View:
        """The case of that name as last seen."""
        return self.front_end.views[self.ids[name]]

    async def until_closed(self, name: str) -> tuple[View, float]:
        """The case as it is when it is closed, or took too long, and how long it took."""
        began_s = time.monotonic()
        while (view := self.view(name))["state"] not in FINAL:
            if time.monotonic() - began_s > CLOSED_WITHIN_S:
                break
            await asyncio.sleep(0.05)
        return view, time.monotonic() - began_s


async def check(folder: Folder, lock: int, console: Console, *, speed: float | None, port: int | None) -> int:
    """Runs the check and tells what it found; 0 when all is well, else 1. Raises: ChildFailed, Refused."""

    def tell(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    began_s = time.monotonic()
    await database.prepare(folder, tell)
    origin = await database.newest_event_at(folder) or SystemClock().now()
    credentials = folder.credentials()
    chosen = port or free_port(None)
    notebook = Notebook(folder.notebook)
    async with FrontEnd(f"http://127.0.0.1:{chosen}", credentials.frontend_key, notebook) as front_end:
        with Subscriber(credentials.subscriber_secret, front_end.hear) as subscriber:
            plan = Plan(folder, lock, chosen, city.CHECK_DELAY_S, subscriber.url)
            async with running(plan, origin=origin, speed=speed or city.CHECK_SPEED, tell=tell) as town:
                ready_s = time.monotonic()
                async with people_of(plan.base_url, credentials) as people:
                    run = Run(town, front_end, subscriber, people, console)
                    await until_one_ends(_work(run), front_end.follow(), handle(people), town.watch())
    for failure in run.failures:
        tell(f"× {failure}")
    if run.failures:
        tell(f"not ok; logs: {folder.logs}")
        return 1
    now_s = time.monotonic()
    tell(f"ok   set-up {ready_s - began_s:.1f} s, check {now_s - ready_s:.1f} s")
    return 0


async def _work(run: Run) -> None:
    await asyncio.gather(*(_one_case(run, expected) for expected in CASES))
    if run.failures:
        return
    verified = 0
    for expected in CASES:
        await run.front_end.rate(run.view(expected.name))
        verified += await _verify(run, run.view(expected.name))
    run.tell(f"✓ {verified} results verified by number and code, with no key")
    key = run.town.plan.folder.credentials().auditor_key
    async with client_for(run.town.plan.base_url, key) as auditor:
        await _until_quiet(run)
        cases = [await _told(auditor, run.view(name)) for name in run.ids]
        await _until_webhooks(run, cases)
        bad = (await ask(auditor, "GET", "/v1/ratings?state=contact_due"))["items"]
    run.tell(f"✓ {len(CASES)} cases rated; {len(bad)} badly, to be contacted within a working day")
    await _prove(run, cases)


async def _verify(run: Run, view: View) -> int:
    """Looks, as anybody can, whether the first result of the case stands; how many were looked at."""
    for result in await run.front_end.results(view):
        if "verification_code" in result:
            wish = {"number": result["number"], "code": result["verification_code"]}
            async with httpx2.AsyncClient(base_url=run.town.plan.base_url, trust_env=False) as anybody:
                told = await ask(anybody, "POST", "/v1/results/verifications", body=wish)
            if told["state"] != "issued":
                run.failures.append(f"{view['number']}: its {result['code']} is {told['state']}")
            return 1
    return 0


async def _one_case(run: Run, expected: Expected) -> None:
    """Applies, and waits for the end of the case, and of the ticket about it if there is one."""
    day = (run.town.legal.now() + city.ZONE).date()
    opened = await run.front_end.apply(samples.submission(expected.sample(), day))
    run.ids[expected.name] = opened.id
    calls = [_one_ticket(run, run.view(expected.name))] if expected.name == ASKED_ABOUT else []
    await asyncio.gather(_to_its_end(run, expected), *calls)


async def _to_its_end(run: Run, expected: Expected) -> None:
    view, took_s = await run.until_closed(expected.name)
    if view["state"] == expected.state:
        steps = [step for step in view["steps"] if step["state"] != "skipped"]
        run.tell(f"✓ {expected.name:<30} {view['state']:<17} {len(steps):>2} steps {took_s:5.1f} s")
    else:
        run.failures.append(
            f"{expected.name} {view['number']}: expected {expected.state}, after {took_s:.0f} s it is"
            f" {view['state']}: {_open_steps(run, view)}"
        )


async def _one_ticket(run: Run, about: View) -> None:
    """Calls the hotline about a case, and waits until the ticket is solved."""
    run.ids["ticket"] = await file(run.people.hotline, about)
    await run.front_end.look(run.ids["ticket"])
    view, took_s = await run.until_closed("ticket")
    ticket = view["ticket"]
    if (view["state"], ticket["state"], ticket["case_number"]) == ("completed", "solved", about["number"]):
        lead = ticket["rounds"][0]["lead"]
        run.tell(f"✓ ticket {ticket['reference']}: answered by {lead}, solved {took_s:5.1f} s")
    else:
        run.failures.append(f"ticket {ticket['reference']}: after {took_s:.0f} s it is {ticket['state']}")


def _open_steps(run: Run, view: View) -> str:
    """What is not completed, what it waits for, and the log of its department."""
    told = []
    for step in view["steps"]:
        if step["state"] not in ("completed", "skipped"):
            waiting: Mapping[str, Any] = step.get("waiting", {})
            log = run.town.plan.folder.logs / f"{step['department']['code']}.log"
            where = f" (log: {log})" if waiting.get("waits_for") in ("department", "officer") else ""
            told.append(f"{step['code']} {step['state']} {waiting.get('reason', '')}".rstrip() + where)
    return ", ".join(told) or "every step is completed"


async def _until_quiet(run: Run) -> None:
    """Waits until each department has said all that it has to say, the late answers as well."""
    deadline_s = time.monotonic() + QUIET_WITHIN_S
    async with httpx2.AsyncClient(trust_env=False, timeout=5.0) as client:
        for department, address in run.town.addresses.items():
            while (counts := (await client.get(f"{address}/")).json())["callbacks_pending"]:
                if time.monotonic() > deadline_s:
                    run.failures.append(f"{department}: {counts['callbacks_pending']} answers were not taken")
                    break
                await asyncio.sleep(0.1)
            if counts["callbacks_refused"] or counts["clashes"]:
                run.failures.append(
                    f"{department}: {counts['callbacks_refused']} answers were refused,"
                    f" {counts['clashes']} keys came with two bodies"
                )


async def _until_webhooks(run: Run, cases: Sequence[Told]) -> None:
    """Waits until the subscriber has been told everything; what is missing then, the proof tells."""
    deadline_s = time.monotonic() + QUIET_WITHIN_S
    while proof.public_events(cases) - run.subscriber.received:
        if time.monotonic() > deadline_s:
            return
        await asyncio.sleep(0.05)


async def _told(auditor: httpx2.AsyncClient, view: View) -> Told:
    """Everything that the service tells of a case."""
    here = f"/v1/cases/{view['id']}"
    events: list[Any] = []
    page: Mapping[str, Any] = {"next_since": 0, "items": [True]}
    while page["items"]:
        page = await ask(auditor, "GET", f"{here}/events?since={page['next_since']}")
        events += page["items"]
    attempts = {
        step["code"]: (await ask(auditor, "GET", f"{here}/steps/{step['code']}/attempts"))["items"]
        for step in view["steps"]
    }
    return Told(await ask(auditor, "GET", here), events, attempts)


async def _prove(run: Run, cases: Sequence[Told]) -> None:
    effects = {}
    async with httpx2.AsyncClient(trust_env=False, timeout=5.0) as client:
        for department, address in run.town.addresses.items():
            done = (await client.get(f"{address}/effects")).json()
            effects[department] = {task["key"]: task["times"] for task in done}
    async with database.opened(run.town.plan.folder) as opened:
        verdict = await record.verify(opened)
    run.failures += [fault for told in cases for fault in proof.wrong_sequence(told)]
    run.failures += proof.wrong_effects(cases, effects)
    run.failures += proof.missing_webhooks(cases, run.subscriber.received)
    run.failures += proof.unseen(cases)
    run.failures += [f"log: case {each.case_id}: {each.kind} {each.detail}" for each in verdict.tamperings]
    if not run.front_end.confirmed:
        run.failures.append("no register confirmed a material")
    if run.subscriber.refused:
        run.failures.append(f"{run.subscriber.refused} webhooks were not signed as they should be")
    if not run.failures:
        for what, times in proof.count_seen(cases).items():
            run.tell(f"✓ {times:>2} × {what}")
        run.tell(f"✓ {proof.count_tasks(cases)} tasks, each done exactly once")
        run.tell(f"✓ {len(run.subscriber.received)} webhooks, each signed")
        run.tell(f"✓ {run.front_end.confirmed} materials confirmed by registers, each with consent")
        run.tell(f"✓ {verdict.events} events without a gap; nobody changed the record")
