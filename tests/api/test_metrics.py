"""Metrics over HTTP: who may read them, what they say, and what never stands in them."""

from __future__ import annotations

import json
from datetime import timedelta

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from onenet.api.parts import Parts
from onenet.app import Application
from onenet.clock import FrozenClock
from onenet.domain.breaker import CLOSED, Calls, after_calls
from onenet.services import keys
from onenet.services.metrics import COUNTERS, GAUGES, LASTS
from onenet.store import health
from onenet.store.health import Health
from tests.api.conftest import acting, submission
from tests.factories import NOW
from tests.store.seeding import save_department

pytestmark = pytest.mark.anyio

Said = dict[tuple[str, tuple[str, ...]], float]


async def said(client: httpx2.AsyncClient) -> Said:
    """Every sample: by its name and the values of its labels."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200, answer.text
    families = text_string_to_metric_families(answer.text)
    return {(s.name, tuple(s.labels.values())): s.value for each in families for s in each.samples}


async def opened(client: httpx2.AsyncClient, key: str) -> str:
    answer = await client.post("/v1/cases", json=submission(), headers={"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def test_only_an_administrator_reads_them(
    anonymous: httpx2.AsyncClient,
    administrator: httpx2.AsyncClient,
    frontend: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
) -> None:
    asked = [await each.get("/metrics") for each in (anonymous, frontend, supervisor, administrator)]
    assert [each.status_code for each in asked] == [401, 403, 403, 200]


async def test_a_key_for_the_metrics_reads_nothing_else(
    anonymous: httpx2.AsyncClient, parts: Parts, clock: FrozenClock
) -> None:
    scopes = frozenset({"metrics:read"})
    made = await keys.create(
        parts.database, kind="administrator", client="prometheus", now=clock.now(), scopes=scopes
    )
    client = acting(anonymous, made.token)
    paths = ("/metrics", "/v1/endpoints", "/v1/bundles", "/v1/cases")
    assert [(await client.get(path)).status_code for path in paths] == [200, 403, 403, 403]


async def test_a_scraper_is_answered_in_the_format_that_every_version_reads(
    administrator: httpx2.AsyncClient,
) -> None:
    """The header is that of Prometheus 3."""
    accept = (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
        "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    )
    answer = await administrator.get("/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = {each.name: each.type for each in text_string_to_metric_families(answer.text)}
    assert found == {name.removesuffix("_total"): "counter" for name in COUNTERS} | dict.fromkeys(
        GAUGES, "gauge"
    )


async def test_what_happens_is_counted(
    frontend: httpx2.AsyncClient, administrator: httpx2.AsyncClient
) -> None:
    before = await said(administrator)
    await opened(frontend, "k-1")
    await opened(frontend, "k-1")
    after = await said(administrator)
    grown = {key: after[key] - before.get(key, 0) for key in after if key[0] in COUNTERS}
    assert grown["onenet_cases_opened_total", ()] == 1
    assert grown["onenet_requests_total", ("POST", "/v1/cases", "2xx")] == 2
    assert grown["onenet_gate_changes_total", ()] == 2 >= grown["onenet_gate_batches_total", ()] >= 1


async def test_what_waits_is_told_by_department(
    frontend: httpx2.AsyncClient, administrator: httpx2.AsyncClient, parts: Parts, clock: FrozenClock
) -> None:
    await opened(frontend, "k-1")
    endpoint = await save_department(parts.database, "health", "http://127.0.0.1:9/")
    failed = after_calls(CLOSED, Calls(failed=5, failed_last=5), NOW)
    clock.advance(timedelta(seconds=90))
    before = await said(administrator)
    async with parts.database.transaction() as connection:
        await health.write(connection, Health(endpoint.id, "department", "health", breaker=failed))
    clock.advance(LASTS)
    after = await said(administrator)
    assert before["onenet_tasks_waiting", ("health",)] == 1
    assert before["onenet_overdue_seconds", ("task",)] == 90
    assert ("onenet_department_unreachable", ("health",)) not in before
    assert after["onenet_department_unreachable", ("health",)] == 1
    assert after["onenet_overdue_seconds", ("task",)] == 0, "no worker is missing for it"


async def test_whoever_asks_often_does_not_ask_the_database(
    frontend: httpx2.AsyncClient, administrator: httpx2.AsyncClient, clock: FrozenClock
) -> None:
    first = await said(administrator)
    await opened(frontend, "k-1")
    again = await said(administrator)
    clock.advance(LASTS)
    later = await said(administrator)
    waiting = ("onenet_tasks_waiting", ("health",))
    assert (waiting in first, waiting in again, later[waiting]) == (False, False, 1)


async def test_no_label_holds_what_somebody_sent_or_an_id(
    app: Application, frontend: httpx2.AsyncClient, administrator: httpx2.AsyncClient
) -> None:
    """Each label is a template of a route or one of a few words, whatever was asked for."""
    id = await opened(frontend, "k-1")
    sent = "x-110105194912310021"
    for path in (
        f"/v1/cases/{id}",
        f"/v1/cases/{sent}",
        f"/{sent}",
        f"/v1/callbacks/{sent}",
        f"/track/{sent}",
    ):
        await frontend.get(path)
        await frontend.post(path, content=json.dumps({sent: sent}))
        await frontend.request(sent.upper(), path)
    templates = {getattr(route, "path", "") for route in app.routes}
    labels = {label for _, labels in await said(administrator) for label in labels}
    assert "/v1/cases/{case_id}" in labels
    few = {"", "GET", "POST", "PUT", "PATCH", "DELETE", *(f"{hundred}xx" for hundred in range(6))}
    words = {"task", "poll", "delivery", "timer", "case", "answered", "transient", "permanent"}
    words |= {"gone", "refused"}
    replies = {"applied", "recorded-late", "recorded-stale", "held", "unchanged"}
    assert labels - templates - few - words - replies - {"health", "police"} == set()
