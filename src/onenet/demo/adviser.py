"""The adviser: gives the opinions that a department is asked for, by the same API as a real one."""

from __future__ import annotations

import asyncio
from uuid import NAMESPACE_URL, uuid5

import httpx2

from onenet.demo.applicant import Refused, ask

LOOK_EVERY_S = 0.3
OPINION = {"answer": "agree_with_conditions", "words": "以登记的经营场所为限（示例）"}


async def advise(client: httpx2.AsyncClient) -> None:
    """Gives every opinion that is awaited, for ever."""
    while True:
        for opinion in (await ask(client, "GET", "/v1/opinions"))["items"]:
            path = f"{opinion['links']['self']}/answers"
            try:
                await ask(client, "POST", path, body=OPINION, key=str(uuid5(NAMESPACE_URL, path)))
            except Refused as refusal:
                if refusal.status != 409:  # 409: the step was closed in the meantime
                    raise
        await asyncio.sleep(LOOK_EVERY_S)
