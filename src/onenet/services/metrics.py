"""Metrics: what this process counted and how much waits in the database, as Prometheus reads it.

Labels are codes of the catalogue and words of our own: their number does not grow with the cases.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from onenet import tally
from onenet.clock import Clock
from onenet.store import health, inspection
from onenet.store.database import Database

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""What every Prometheus reads."""

LASTS = timedelta(seconds=5)
"""How long what was looked up is told again: whoever asks more often costs the database nothing."""

Samples = Mapping[tuple[str, ...], float]
"""Values by their labels, in the order of `Described.labels`."""


@dataclass(frozen=True, slots=True)
class Described:
    """What a metric means, and which labels it has."""

    text: str
    labels: tuple[str, ...] = ()


COUNTERS: Mapping[str, Described] = {
    "onenet_requests_total": Described("Requests that were answered", ("method", "route", "status")),
    "onenet_cases_opened_total": Described("Cases that were opened"),
    "onenet_gate_batches_total": Described("Commits of the gate"),
    "onenet_gate_changes_total": Described("Changes that came in with these commits"),
    "onenet_attempts_total": Described("Calls that ended, by what came of them", ("queue", "result")),
    "onenet_answers_total": Described("Answers that departments sent or left", ("reply",)),
}
"""Since this process began."""

GAUGES: Mapping[str, Described] = {
    "onenet_tasks_waiting": Described("Tasks that wait to be called, now or later", ("department",)),
    "onenet_tasks_failing": Described("Those of them whose last call failed", ("department",)),
    "onenet_deliveries_waiting": Described("Deliveries that wait to be called, now or later"),
    "onenet_overdue_seconds": Described("How long the oldest has been due that a worker may do", ("kind",)),
    "onenet_department_unreachable": Described("1 while nobody but a prober calls it", ("department",)),
    "onenet_subscribers_unreachable": Described("Subscribers that nobody but a prober calls"),
}  # fmt: skip
"""Of the whole installation, as the database has it."""


class Metrics:
    """What is told to whoever watches; the database is asked every few seconds at most, for all of them."""

    def __init__(self) -> None:
        """Nothing was looked up yet."""
        self._known: Mapping[str, Samples] = {}
        self._ends_at: datetime | None = None
        self._asking = asyncio.Lock()

    async def text(self, database: Database, clock: Clock, machine_clock: Clock) -> bytes:
        """All of it in Prometheus' text format. `clock` tells legal time, by which timers fall due.

        Raises: Unavailable.
        """
        async with self._asking:
            now = machine_clock.now()
            if self._ends_at is None or self._ends_at <= now:
                self._known = await _waiting(database, clock.now(), now)
                self._ends_at = now + LASTS
        return generate_latest(_Families(_counted(), self._known))


@dataclass(frozen=True)
class _Families(Collector):
    counted: Mapping[str, Samples]
    waiting: Mapping[str, Samples]

    def collect(self) -> Iterator[Metric]:
        for name, told in COUNTERS.items():
            counter = CounterMetricFamily(name, told.text, labels=told.labels)
            for labels, value in self.counted[name].items():
                counter.add_metric(labels, value)
            yield counter
        for name, told in GAUGES.items():
            gauge = GaugeMetricFamily(name, told.text, labels=told.labels)
            for labels, value in self.waiting[name].items():
                gauge.add_metric(labels, value)
            yield gauge


def _counted() -> dict[str, Samples]:
    commits = tally.COMMITS
    return {
        "onenet_requests_total": tally.REQUESTS,
        "onenet_cases_opened_total": {(): commits["cases"]},
        "onenet_gate_batches_total": {(): commits["batches"]},
        "onenet_gate_changes_total": {(): commits["changes"]},
        "onenet_attempts_total": tally.ATTEMPTS,
        "onenet_answers_total": {(reply,): number for reply, number in tally.ANSWERS.items()},
    }


async def _waiting(database: Database, at: datetime, now: datetime) -> dict[str, Samples]:
    """Seven statements, each over what is open. `at`: legal time."""
    async with database.read() as connection:
        fares = (await health.every(connection)).values()
        shut = [each for each in fares if each.rests(now)]
        tasks = await inspection.waiting_tasks(connection)
        deliveries = await inspection.waiting_deliveries(connection)
        oldest = await inspection.oldest_due(connection, shut)
    overdue: Samples = {
        (kind,): max(0.0, ((at if kind in ("timer", "case") else now) - due).total_seconds()) if due else 0.0
        for kind, due in oldest.items()
    }
    return {
        "onenet_tasks_waiting": {(code,): each.number for code, each in tasks.items()},
        "onenet_tasks_failing": {(code,): each.failing for code, each in tasks.items()},
        "onenet_deliveries_waiting": {(): sum(number for number, _ in deliveries.values())},
        "onenet_overdue_seconds": overdue,
        "onenet_department_unreachable": {
            (each.owner,): each.rests(now) for each in fares if each.kind == "department"
        },
        "onenet_subscribers_unreachable": {(): sum(each.kind == "subscriber" for each in shut)},
    }
