"""Quotas: who is over is told so in the words of the drafts, and nobody else notices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import http_sf
import httpx2
import pytest

from onenet import quotas
from onenet.api.parts import Parts
from onenet.app import create_app
from onenet.quotas import NoSuchPolicy, Policy, Quotas, policies
from tests.api.conftest import PUBLIC_URL, Tokens

pytestmark = pytest.mark.anyio

QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


class Clock:
    """Seconds that go forward when told to."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def parsed(fields: Any, name: bytes) -> dict[str, dict[str, int]]:
    """A field as the library for structured fields reads it."""
    found = dict(fields)[name]
    members: Any = http_sf.parse(found, tltype="list")
    return dict(members)


def test_a_quota_is_used_up_and_comes_back_little_by_little() -> None:
    clock = Clock()
    made = Quotas({"subject": Policy(5, 10, "")}, clock)
    assert [made.spend(("subject", "a")).violated for _ in range(6)] == [()] * 5 + [("subject",)]
    assert made.spend(("subject", "b")).violated == ()
    clock.now += 1.9
    assert made.spend(("subject", "a")).violated == ("subject",)
    clock.now += 0.2
    assert made.spend(("subject", "a")).violated == ()
    assert made.spend(("subject", "a")).violated == ("subject",)
    clock.now += 10
    assert parsed(made.spend(("subject", "a")).fields, b"ratelimit")["subject"]["r"] == 4


def test_the_fields_are_structured_and_true() -> None:
    clock = Clock()
    made = Quotas({"client": Policy(100, 10, ""), "subject": Policy(2, 60, "")}, clock)
    said = made.spend(("client", "app"), ("subject", "app/1")).fields
    assert parsed(said, b"ratelimit-policy") == {"client": {"q": 100, "w": 10}, "subject": {"q": 2, "w": 60}}
    assert parsed(said, b"ratelimit") == {"client": {"r": 99, "t": 1}, "subject": {"r": 1, "t": 30}}
    made.spend(("client", "app"), ("subject", "app/1"))
    over = made.spend(("client", "app"), ("subject", "app/1"))
    assert over.violated == ("subject",)
    assert parsed(over.fields, b"ratelimit") == {"client": {"r": 98, "t": 1}, "subject": {"r": 0, "t": 60}}


def test_what_is_refused_by_one_quota_costs_nothing_of_another() -> None:
    made = Quotas({"client": Policy(3, 10, ""), "subject": Policy(1, 10, "")}, Clock())
    for _ in range(20):
        made.spend(("client", "app"), ("subject", "1"))
    assert [made.spend(("client", "app"), ("subject", str(n))).violated for n in (2, 3, 4)] == [
        (), (), ("client",),
    ]  # fmt: skip


def test_retry_after_is_never_early_and_spread() -> None:
    made = Quotas({"subject": Policy(1, 60, "")}, Clock())
    made.spend(("subject", "a"))
    waits = {made.spend(("subject", "a")).retry_after_s for _ in range(200)}
    assert min(waits) >= 60
    assert max(waits) <= 66
    assert len(waits) > 1


def test_memory_is_bounded_and_whoever_is_over_is_not_forgotten_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quotas, "MOST_COUNTED", 100)
    clock = Clock()
    made = Quotas({"lookup": Policy(10, 60, "")}, clock)
    for number in range(1_000):
        clock.now += 1  # six seconds later its bucket is full again, and says nothing
        made.spend(("lookup", str(number)))
        made.spend(*([("lookup", "busy")]))
    assert len(made._buckets["lookup"].full_at) <= 100
    assert made.spend(("lookup", "busy")).violated == ("lookup",)
    for number in range(1_000):
        made.spend(("lookup", f"all at once {number}"))
    assert len(made._buckets["lookup"].full_at) <= 100


def test_policies_are_changed_by_name() -> None:
    changed = policies("client=20000/10, subject=off")
    assert (changed["client"].quota, changed["client"].window_s) == (20_000, 10)
    assert "subject" not in changed
    assert changed["lookup"] == quotas.POLICIES["lookup"]
    assert policies("all=off") == {}
    for wrong in ("no=1/1", "client", "client=0/1", "client=1/0", "client=x/1", "client=٣/1", "client=-1/1"):
        with pytest.raises(NoSuchPolicy, match="expected"):
            policies(wrong)


def with_quotas(parts: Parts, **sizes: int) -> httpx2.AsyncClient:
    """A client of the application with these quotas, a minute long."""
    made = Quotas({name: Policy(size, 60, "") for name, size in sizes.items()})
    transport = httpx2.ASGITransport(create_app(replace(parts, quotas=made)))
    return httpx2.AsyncClient(transport=transport, base_url=PUBLIC_URL)


def key(token: str, subject: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Onenet-Subject": subject}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_subject_over_its_quota_is_429_and_its_neighbour_is_not(parts: Parts, tokens: Tokens) -> None:
    client = with_quotas(parts, subject=2, client=100)
    first, *_, over = [await client.get("/v1/cases", headers=key(tokens.frontend, "a")) for _ in range(3)]
    assert parsed([(b"x", first.headers["ratelimit"].encode())], b"x")["subject"]["r"] == 1
    assert over.status_code == 429
    problem = over.json()
    assert (problem["type"], problem["violated-policies"]) == (QUOTA_EXCEEDED, ["subject"])
    assert 60 <= int(over.headers["retry-after"]) <= 67
    assert parsed([(b"x", over.headers["ratelimit"].encode())], b"x")["subject"]["r"] == 0
    assert over.headers["link"] == f'<{PUBLIC_URL}/problems/quota-exceeded>; rel="describedby"'
    assert (await client.get("/v1/cases", headers=key(tokens.frontend, "b"))).status_code == 200


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_failures_count_against_the_address_and_who_is_right_still_comes_in(
    parts: Parts, tokens: Tokens
) -> None:
    client = with_quotas(parts, failures=3, lookup=100)
    wrong = key(f"onk_{'x' * 8}_{'y' * 43}", "a")
    asked = [await client.get("/v1/cases", headers=wrong) for _ in range(2)]
    guess = {"Onenet-Tracking-Secret": "wrong"}
    asked += [await client.get("/v1/progress/32058320261123000001", headers=guess)]
    asked += [await client.get("/v1/cases", headers=wrong)]
    asked += [
        await client.post("/v1/callbacks/health", content=b"{}", headers={"Content-Type": "application/json"})
    ]
    assert [answer.status_code for answer in asked] == [401, 401, 404, 429, 429]
    assert asked[3].json()["violated-policies"] == ["failures"]
    assert (await client.get("/v1/cases", headers=key(tokens.frontend, "a"))).status_code == 200


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_lookups_health_and_pages_have_quotas_of_their_own(parts: Parts) -> None:
    client = with_quotas(parts, lookup=1, health=1, public=1)
    paths = ("/v1/progress/1", "/health/live", "/v1/openapi.json")
    assert [(await client.get(path)).status_code == 429 for path in paths] == [False] * 3
    assert [(await client.get(path)).status_code for path in paths] == [429] * 3
    assert (await client.post("/track", data={"number": "1", "secret": "x"})).status_code == 429
