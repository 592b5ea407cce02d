"""The officer: decides, after a while, about steps that are held; by the same API as a real one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from uuid import NAMESPACE_URL, uuid5

import httpx2

from onenet.demo.applicant import Refused, View, ask

PATIENCE_S = 8.0
"""So long a held step is left in sight before it is decided."""

DECISIONS = {
    "offline": ("complete", "窗口已办结（示例）"),
    "upstream_not_completed": ("cancel", "前序环节未通过（示例）"),
}
OTHERWISE = ("release", "核对后继续办理（示例）")
"""By the reason of the hold: what is decided, and why."""


async def decide_held(client: httpx2.AsyncClient, open_cases: Callable[[], Sequence[View]]) -> None:
    """Decides about every step that has been held for long enough, for ever."""
    seen_s: dict[str, float] = {}
    while True:
        now_s = time.monotonic()
        for view in open_cases():
            for step in view["steps"]:
                if step["state"] != "held":
                    continue
                key = str(uuid5(NAMESPACE_URL, f"{view['id']}/{step['code']}/{step['since']}"))
                if now_s - seen_s.setdefault(key, now_s) < PATIENCE_S:
                    continue
                action, reason = DECISIONS.get(step["waiting"]["reason"], OTHERWISE)
                path = f"/v1/cases/{view['id']}/steps/{step['code']}/decisions"
                try:
                    await ask(client, "POST", path, body={"action": action, "reason": reason}, key=key)
                except Refused:
                    seen_s[key] = now_s  # it has moved, or cannot be decided yet: look again later
        await asyncio.sleep(1.0)
