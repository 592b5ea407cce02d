"""cost.*: what encryption at rest and the row criteria take, beside onenet without them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from bench import engine, http, load, serving, town
from bench.ground import Ground, tell
from bench.http import Service
from bench.measure import Figure, beside, figure, interleave

ENGINE = {"cost.encryption_engine": ("rate", "cases/s"), "cost.encryption_cpu_ms": ("cpu_ms", "ms")}
SUBJECTS, OF_EACH = 40, 25
"""People, and the cases that each has: more than a page of the list holds."""

Rate = Callable[[], float]
Ask = Callable[[Ground, Service], Rate]
"""How many answers a second a service gives to one kind of request."""


def measure(ground: Ground, names: list[str]) -> Iterator[Figure]:
    """The figures of these names."""
    if set(ENGINE) & set(names):
        yield from _engine(ground)
    if asks := {name: ASKS[name] for name in names if name in ASKS and "encryption" in name}:
        with http.on_postgres(ground) as sealed, http.on_postgres(ground, "encryption") as clear:
            yield from _beside(ground, asks, {"encrypted": sealed, "in the clear": clear})
    if asks := {name: ASKS[name] for name in names if name in ASKS and "criteria" in name}:
        with _with_and_without_criteria(ground) as services:
            yield from _beside(ground, asks, services)


def _engine(ground: Ground) -> Iterator[Figure]:
    measures = {
        "encrypted": lambda: engine.cases(ground),
        "in the clear": lambda: engine.cases(ground, "encryption"),
    }
    given = interleave(ground.runs, measures, tell)
    for name, (key, unit) in ENGINE.items() if len(given) == len(measures) else ():
        values, yardstick = ([run[key] for run in runs] for runs in given.values())
        yield figure(name, unit, values, "in the clear", yardstick)


def _beside(ground: Ground, asks: Mapping[str, Ask], services: Mapping[str, Service]) -> Iterator[Figure]:
    """One figure for each way of asking: the first service beside the second."""
    for name, ask in asks.items():
        measures = {label: ask(ground, service) for label, service in services.items()}
        yield from beside(name, "requests/s", measures, ground.runs, tell)


@contextlib.contextmanager
def _with_and_without_criteria(ground: Ground) -> Iterator[dict[str, Service]]:
    """Two services over one database."""
    with ground.server.database() as url:
        key = town.prepare(url)
        with serving.onenet(url) as ruled, serving.onenet(url, without="criteria") as open_to_all:
            yield {"row criteria": Service(ruled, key), "none": Service(open_to_all, key)}


def _submit(ground: Ground, service: Service) -> Rate:
    return lambda: http.rate(ground, service.port, service.post, 202)


def _read(ground: Ground, service: Service) -> Rate:
    """One's own cases in turn, each looked at before."""
    looks = [service.get(service.submit()["id"]) for _ in range(OF_EACH)]
    return _in_turn(ground, service, looks)


def _list(ground: Ground, service: Service) -> Rate:
    """The first page of one's own cases, each person in turn."""
    people = [f"s-{number}" for number in range(ground.count(SUBJECTS, 2))]
    for _ in range(OF_EACH):
        for person in people:
            service.submit(person)
    return _in_turn(ground, service, [service.page(person) for person in people])


def _in_turn(ground: Ground, service: Service, requests: list[bytes]) -> Rate:
    for request in requests:
        load.once(service.port, request)
    return lambda: http.rate(ground, service.port, lambda number: requests[number % len(requests)], 200)


ASKS: Mapping[str, Ask] = {
    "cost.encryption_intake": _submit,
    "cost.encryption_read": _read,
    "cost.encryption_list": _list,
    "cost.criteria_read": _read,
    "cost.criteria_list": _list,
}
NAMES = (*ENGINE, *ASKS)
