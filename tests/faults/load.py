"""The load: applicants who send in cases over HTTP, ask again under the same key, and note what was promised.

The ledger is the harness's own, out of reach of whatever is killed, and written after an answer was read.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.faults.city import City
from tests.faults.form import count
from tests.faults.samples import EXPECTED, Sample

SUBJECT = "s-1"
PATIENCE_S = 60.0
"""How long one request is asked again and again before the run counts as failed."""

ANSWER_LIMIT_S = 30.0
"""How long an applicant waits for one answer."""

PAUSE_S = 0.1

MOST_OPEN = count(20, 100)
"""Cases under way at the same time: a slow machine gets less load instead of a growing backlog."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A promise: this key was answered with this case."""

    key: str
    case_id: str
    sample: Sample


@dataclass(slots=True)
class Ledger:
    """What was promised, and what went wrong on the way. `errors`: by name of the exception or status.

    `again`: the case each key was answered with when it was asked once more at the end.
    """

    acknowledged: list[Acknowledged] = field(default_factory=list)
    again: dict[str, str] = field(default_factory=dict)
    supplements: int = 0
    errors: Counter[str] = field(default_factory=Counter)


class Applicants:
    """Send cases in, and hand in what departments ask for."""

    def __init__(self, city: City, samples: Sequence[Sample], ledger: Ledger, *, fresh_keys: bool = False):
        """Sends nothing yet. `fresh_keys`: never asks again under the same key, as nobody should."""
        self._city = city
        self._samples = samples
        self._ledger = ledger
        self._fresh_keys = fresh_keys
        self._keys: Iterator[int] = itertools.count(1)
        self._asked: set[tuple[str, str]] = set()
        self._finished: set[str] = set()
        self._grown = asyncio.Condition()

    async def submit_until(self, stop: asyncio.Event) -> None:
        """One application after the other, until told to stop; one that was begun is answered first."""
        async with self._client() as client:
            while not stop.is_set():
                await asyncio.sleep(random.uniform(0, 2 * PAUSE_S))
                if len(self._ledger.acknowledged) - len(self._finished) < MOST_OPEN:
                    number = next(self._keys)
                    await self._submit(client, f"case-{number}", self._samples[number % len(self._samples)])

    async def send(self, count: int) -> None:
        """Sends in so many newborns and waits for the answers."""
        newborns = [sample for sample in self._samples if sample.name.startswith("newborn")]
        async with self._client() as client:
            for sample in itertools.islice(itertools.cycle(newborns), count):
                await self._submit(client, f"case-{next(self._keys)}", sample)

    async def try_once(self) -> httpx2.Response:
        """Sends in one application, once; the answer, whatever it is, is noted when it is a promise."""
        key, sample = f"case-{next(self._keys)}", self._samples[0]
        async with self._client() as client:
            response = await client.post("/v1/cases", json=sample.body, headers={"Idempotency-Key": key})
        if response.is_success:
            self._ledger.acknowledged.append(Acknowledged(key, response.json()["id"], sample))
        return response

    async def acknowledged(self, count: int) -> None:
        """Waits until so many cases were promised."""
        async with self._grown:
            await self._grown.wait_for(lambda: len(self._ledger.acknowledged) >= count)

    async def ask_again(self) -> None:
        """Sends every application once more under its key: the answer has to name the same case."""
        async with self._client() as client:
            for known in self._ledger.acknowledged:
                answer = await self._post(client, "/v1/cases", known.key, known.sample.body)
                self._ledger.again[known.key] = answer["id"]

    async def listen(self, heard: asyncio.Queue[dict[str, Any]]) -> None:
        """Follows the webhooks for ever: hands in what is asked for, and knows what is finished."""
        async with self._client() as client:
            while True:
                message = await heard.get()
                if message["type"] == f"case.{EXPECTED}":
                    self._finished.add(message["data"]["case"])
                if message["type"] == "step.supplement_needed":
                    await self._supplement(client, message["data"]["case"], message["data"]["step"])

    async def next_change(self) -> dict[str, Any]:
        """Waits with one long request until the newest case moves; gives the case."""
        async with self._client() as client:
            path = f"/v1/cases/{self._ledger.acknowledged[-1].case_id}"
            return await self._until_answered(client, "GET", path, params={"wait": 30}, timeout=60)

    async def _submit(self, client: httpx2.AsyncClient, key: str, sample: Sample) -> None:
        answer = await self._post(client, "/v1/cases", key, sample.body)
        async with self._grown:
            self._ledger.acknowledged.append(Acknowledged(key, answer["id"], sample))
            self._grown.notify_all()

    async def _supplement(self, client: httpx2.AsyncClient, case_id: str, step: str) -> None:
        """Each department asks once for each step."""
        if (case_id, step) in self._asked:
            return
        self._asked.add((case_id, step))
        case = await self._until_answered(client, "GET", f"/v1/cases/{case_id}")
        requests = next(each["requests"] for each in case["steps"] if each["code"] == step)
        materials = [
            {"code": each["code"], "reference": "corrected"}
            for each in requests
            if each["kind"] == "material"
        ]
        body = {"step": step, "materials": materials, "form": {}}
        await self._post(client, f"/v1/cases/{case_id}/supplements", f"supplement-{case_id}-{step}", body)
        self._ledger.supplements += 1

    async def _post(
        self, client: httpx2.AsyncClient, path: str, key: str, body: dict[str, Any]
    ) -> dict[str, Any]:
        def headers() -> dict[str, str]:
            return {"Idempotency-Key": secrets.token_hex() if self._fresh_keys else key}

        return await self._until_answered(client, "POST", path, json=body, headers=headers)

    async def _until_answered(
        self,
        client: httpx2.AsyncClient,
        method: str,
        path: str,
        *,
        headers: Callable[[], dict[str, str]] = dict,
        **request: Any,
    ) -> dict[str, Any]:
        """Asks until there is an answer; the same request under the same key, so that a lost one is no loss.

        Raises: AssertionError for a refusal, and when patience ends.
        """
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                response = await client.request(method, path, headers=headers(), **request)
            except httpx2.TransportError as error:
                self._ledger.errors[type(error).__name__] += 1
            else:
                if response.is_success:
                    answer: dict[str, Any] = response.json()
                    return answer
                assert response.status_code >= 500, f"{method} {path}: {response.status_code} {response.text}"
                self._ledger.errors[str(response.status_code)] += 1
            await asyncio.sleep(0.1)
        raise AssertionError(f"{method} {path}: no answer in {PATIENCE_S} s; {self._ledger.errors}")

    def _client(self) -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {self._city.token}", "Onenet-Subject": SUBJECT}
        return httpx2.AsyncClient(base_url=self._city.url, headers=headers, timeout=ANSWER_LIMIT_S)
