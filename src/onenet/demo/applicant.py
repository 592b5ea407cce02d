"""The applicant's front-end: applies, follows its cases, hands in what is asked for, rates what came of it;
all of it over HTTP.

It does not poll: a webhook says that a case has moved, then it looks. What it sends again, it sends under the
same Idempotency-Key.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import httpx2

from onenet.demo.city import SUBJECT
from onenet.demo.notebook import Notebook, Opened

FINAL = frozenset({"completed", "partly_completed", "rejected", "withdrawn"})
OPEN = ("received", "accepted", "in_progress")
LOOK_AGAIN_AFTER_S = 10.0
"""An open case is looked at that often even when no webhook comes: one may be minutes late."""

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 2.0
_KEPT_FINAL = 100

LEVELS = {"completed": 1, "partly_completed": 4, "rejected": 5, "withdrawn": 3}
"""How satisfied one is with what came of it: 4 and 5 must be handled."""

View = Mapping[str, Any]
"""A case as the API shows it."""


class Refused(Exception):
    """The service will not do what was asked, however often it is asked."""

    def __init__(self, what: str, status: int, problem: Mapping[str, Any]):
        """`problem` is the body of the answer."""
        faults = "; ".join(
            f"{f.get('pointer', '')} {f.get('message_en', '')}" for f in problem.get("errors", [])
        )
        super().__init__(
            f"{what}: {status} {problem.get('title', '')} {problem.get('detail', '')} {faults}".strip()
        )
        self.status = status
        self.present: Mapping[str, Any] = problem.get("present", {})


async def ask(
    client: httpx2.AsyncClient, method: str, path: str, *, body: Any = None, key: str | None = None
) -> Any:
    """The JSON of the answer; what may have got lost is sent again under its key until it is answered.

    Raises: Refused.
    """
    headers = {"Idempotency-Key": key} if key else {}
    content = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        content = json.dumps(body, ensure_ascii=False).encode()
    wait_s = _FIRST_WAIT_S
    while True:
        try:
            answer = await client.request(method, path, headers=headers, content=content)
        except httpx2.TransportError:
            answer = None
        if answer is not None and answer.status_code < 400:
            return answer.json()
        if answer is not None and answer.status_code < 500 and answer.status_code != 429:
            raise Refused(f"{method} {path}", answer.status_code, answer.json())
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2, _LONGEST_WAIT_S)


def client_for(base_url: str, key: str, *, subject: str | None = None) -> httpx2.AsyncClient:
    """A client that shows this key with each request."""
    headers = {"Authorization": f"Bearer {key}"} | ({"Onenet-Subject": subject} if subject else {})
    return httpx2.AsyncClient(base_url=base_url, headers=headers, timeout=10.0, trust_env=False)


class FrontEnd:
    """A front-end that acts for one person. `views`: its cases, each as it was last seen, oldest first.

    `confirmed`: how many materials registers have confirmed, so that nobody handed them in.
    """

    def __init__(self, base_url: str, key: str, notebook: Notebook):
        """Asks nothing yet. `base_url`: of the API. Made and used within one event loop."""
        self.views: dict[str, View] = {}
        self.confirmed = 0
        self.notebook = notebook
        self._client = client_for(base_url, key, subject=SUBJECT)
        self._news: asyncio.Queue[str] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._rated: set[str] = set()

    async def __aenter__(self) -> FrontEnd:
        """Opens nothing before it is needed."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the connections."""
        await self._client.aclose()

    def hear(self, case_id: str, seq: int) -> None:
        """A webhook came; from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._news.put_nowait, case_id)

    async def apply(self, body: Mapping[str, Any]) -> Opened:
        """Opens a case, once. Raises: Refused."""
        key = str(uuid4())
        confirmed = await self._confirmed(body)
        self.confirmed += len(confirmed)
        body = {**body, "materials": [*body.get("materials", []), *confirmed]}
        self.notebook.intend(key, body)
        return await self._send(key, body)

    async def _confirmed(self, body: Mapping[str, Any]) -> list[dict[str, str]]:
        """What registers confirm of the materials that can be asked for; the person consents to each."""
        said = {name: body[name] for name in ("bundle", "jurisdiction", "applicant", "form")}
        guided = await ask(
            self._client, "POST", f"/v1/bundles/{body['bundle']}/guidance", body={"answers": body["answers"]}
        )
        found = []
        for material in guided["materials"]:
            if "asks" not in material:
                continue
            consent = {"purpose": f"{guided['bundle']['names']['zh']}：核验{material['names']['zh']}"}
            question = {**said, "material": material["code"], "consent": consent}
            told = await ask(self._client, "POST", "/v1/me/evidence", body=question)
            if told["outcome"] == "confirmed":
                found.append({"code": material["code"], "evidence": told["evidence"]})
        return found

    async def resume(self) -> None:
        """Goes on where an earlier run stopped: sends again what was not answered, looks at open cases."""
        for key, body in self.notebook.unanswered():
            await self._send(key, body)
        newest = await ask(self._client, "GET", "/v1/cases")
        found = {view["id"]: view for view in newest["items"]}
        for state in OPEN:
            address: str | None = f"/v1/cases?state={state}&limit=100"
            while address:
                page = await ask(self._client, "GET", address)
                found |= {view["id"]: view for view in page["items"]}
                address = page["links"].get("next")
        for view in sorted(found.values(), key=lambda view: str(view["created_at"])):
            self.views[view["id"]] = view
            self._news.put_nowait(view["id"])

    async def follow(self) -> None:
        """Looks at every case that moved, for ever."""
        while True:
            moved = {await self._next()}
            await asyncio.sleep(0.05)  # the webhooks of one commit come together
            while not self._news.empty():
                moved.add(self._news.get_nowait())
            await asyncio.gather(*(self.look(case_id) for case_id in moved))
            self._forget()

    def open_cases(self) -> list[View]:
        """The cases that are not closed, as last seen."""
        return [view for view in self.views.values() if view["state"] not in FINAL]

    async def _next(self) -> str:
        while True:
            try:
                async with asyncio.timeout(LOOK_AGAIN_AFTER_S):
                    return await self._news.get()
            except TimeoutError:
                for view in self.open_cases():
                    self._news.put_nowait(view["id"])

    async def _send(self, key: str, body: Mapping[str, Any]) -> Opened:
        try:
            view = await ask(self._client, "POST", "/v1/cases", body=body, key=key)
        except Refused as refusal:
            if "case" not in refusal.present:
                raise
            named = {"case": refusal.present["case"], "reason": "示例：另行申请"}
            view = await ask(self._client, "POST", "/v1/cases", body={**body, "duplicate": named}, key=key)
        opened = Opened(view["id"], view["number"], view["tracking_secret"])
        self.notebook.note(key, opened)
        self.views.setdefault(view["id"], view)
        self._news.put_nowait(view["id"])
        return opened

    async def look(self, case_id: str) -> None:
        """Looks at a case, and does what it asks of the applicant."""
        try:
            view = self.views[case_id] = await ask(self._client, "GET", f"/v1/cases/{case_id}")
        except Refused as refusal:
            if refusal.status != 404:  # 404: sent by hand for somebody else, through the same front-end
                raise
            return
        for step in view["steps"]:
            # Of what was sent from elsewhere, perhaps by hand, this front-end does not know the form.
            if step["state"] == "supplement_needed" and self.notebook.knows(case_id):
                await self._hand_in(view, step)
            elif step["state"] == "accepted" and self.notebook.knows(case_id):
                await self._make_good(view, step)

        if view["state"] in FINAL and self.notebook.knows(case_id) and case_id not in self._rated:
            await self.rate(view)

    async def rate(self, view: View) -> None:
        """Rates what came of a case, unless somebody did so by hand."""
        self._rated.add(view["id"])
        body = {"stage": "closing", "level": LEVELS[view["state"]], "channel": "mobile", "tags": ["overall"]}
        key = str(uuid5(NAMESPACE_URL, f"{view['id']}/rating"))
        try:
            await ask(self._client, "POST", f"/v1/cases/{view['id']}/ratings", body=body, key=key)
        except Refused as refusal:
            if refusal.status != 409:
                raise

    async def results(self, view: View) -> list[View]:
        """What was issued in a case, with the codes of its applicant."""
        found: list[View] = (await ask(self._client, "GET", f"/v1/cases/{view['id']}/results"))["items"]
        return found

    async def _hand_in(self, view: View, step: Mapping[str, Any]) -> None:
        """Hands in what the step asks for: a material anew, a field as it was sent. Once for each request."""
        asked = [(request["kind"], request["code"]) for request in step["requests"]]
        form = self.notebook.form_of(view["id"])
        body = {
            "step": step["code"],
            "materials": [
                {"code": code, "reference": f"demo/{code}"} for kind, code in asked if kind == "material"
            ],
            "form": {code: form[code] for kind, code in asked if kind == "field"},
        }
        await self._supplement(view, step, body, step["since"])

    async def _make_good(self, view: View, step: Mapping[str, Any]) -> None:
        """Hands in what was to follow, once the step was accepted without it."""
        awaited = [line["material"] for line in step.get("tolerances", []) if "outcome" not in line]
        if awaited:
            materials = [{"code": code, "reference": f"demo/{code}"} for code in awaited]
            body = {"step": step["code"], "materials": materials}
            await self._supplement(view, step, body, "made-good")

    async def _supplement(
        self, view: View, step: Mapping[str, Any], body: Mapping[str, Any], what: str
    ) -> None:
        key = str(uuid5(NAMESPACE_URL, f"{view['id']}/{step['code']}/{what}"))
        try:
            await ask(self._client, "POST", f"/v1/cases/{view['id']}/supplements", body=body, key=key)
        except Refused as refusal:
            if refusal.status != 409:  # 409: the step has moved on in the meantime
                raise

    def _forget(self) -> None:
        """Keeps open cases, and of closed ones only the newest."""
        closed = [case_id for case_id, view in self.views.items() if view["state"] in FINAL]
        for case_id in closed[:-_KEPT_FINAL]:
            del self.views[case_id]
