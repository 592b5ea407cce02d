"""The hotline 12345 and two units: tickets about cases, each handled until its caller says that it is solved.

They do the next thing that is possible with each ticket, whoever began it, so a ticket that a kill broke off
goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx2

from onenet.demo import city
from onenet.demo.applicant import View, ask, client_for
from onenet.demo.folder import Credentials

LOOK_EVERY_S = 0.5

ACTS: Mapping[str, Mapping[str, Any]] = {
    "dispatch": {"lead": city.LEAD, "co_units": [city.CO_UNIT]},
    "give_part": {"words": "我处事项正在办理（示例）"},
    "answer": {"words": "各事项均在办理中，结果将另行通知（示例）"},
    "close": {},
    "call_back": {"solved": True, "satisfied": True},
}
"""What is done with a ticket when it is possible, and what is said with it."""


@dataclass(frozen=True, slots=True)
class People:
    """Who handles tickets: the hotline, the unit that answers, and the one that gives its part to it."""

    hotline: httpx2.AsyncClient
    co_unit: httpx2.AsyncClient
    lead: httpx2.AsyncClient


@asynccontextmanager
async def people_of(base_url: str, credentials: Credentials) -> AsyncIterator[People]:
    """Everybody with the own key."""
    keys = credentials.department_keys
    async with AsyncExitStack() as stack:
        hotline = client_for(base_url, credentials.hotline_key, subject=city.SUBJECT)
        units = [client_for(base_url, keys[code]) for code in (city.CO_UNIT, city.LEAD)]
        yield People(*[await stack.enter_async_context(client) for client in (hotline, *units)])


async def file(hotline: httpx2.AsyncClient, case: View) -> str:
    """Takes down what the applicant asks about a case, once; gives the id of the ticket."""
    said = {
        "reference": f"DEMO-{case['number']}",
        "jurisdiction": case["jurisdiction"],
        "about": "consultation",
        "text": "我的申请办到哪一步了（示例）？",
        "caller": {"name": "示例一", "phone": "10000000001"},
        "case_number": case["number"],
    }
    return str((await ask(hotline, "POST", "/v1/tickets", body=said))["id"])


async def handle(people: People) -> None:
    """Does what is possible with every ticket, for ever; the co-unit before the lead, which waits for it."""
    while True:
        for client, listed in (
            (people.hotline, "/v1/tickets"),
            (people.co_unit, "/v1/tickets?at_work=true"),
            (people.lead, "/v1/tickets?at_work=true"),
        ):
            for ticket in (await ask(client, "GET", listed))["items"]:
                await _go_on(client, ticket["links"]["self"])
        await asyncio.sleep(LOOK_EVERY_S)


async def _go_on(client: httpx2.AsyncClient, path: str) -> None:
    ticket = await ask(client, "GET", path)
    act = next((act for act in ticket["possible"] if act in ACTS), None)
    if act is not None:
        where = ticket["links"].get("actions") or ticket["links"]["answers"]
        key = str(uuid5(NAMESPACE_URL, f"{path}/{ticket['round']}/{act}"))
        await ask(client, "POST", where, body={"act": act, **ACTS[act]}, key=key)
