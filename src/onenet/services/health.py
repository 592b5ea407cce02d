"""Health: how endpoints fare. Each worker counts what came of its calls, and tells the others once a second.

A row for each endpoint is what all workers share. A call costs no statement: it is counted in memory. What is
well is told every 15 seconds, what fails within one, and what opens a breaker at once. Who comes second, as a
row is not as it was read, counts again on what is there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from onenet.adapters.transport import Attempt
from onenet.clock import Clock
from onenet.domain import answer_times, breaker
from onenet.domain.breaker import Calls
from onenet.services import steps
from onenet.services.leases import Claimed
from onenet.store import health as store
from onenet.store import queue
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow
from onenet.store.health import Health
from onenet.store.queue import Owner

EVERY_S = 1.0
"""How often a worker tells what it knows, and hears what others do."""

WELL_EVERY = timedelta(seconds=15)

NONE = Calls()

log = structlog.get_logger()


@dataclass(slots=True)
class _Heard:
    """What this worker alone knows of one endpoint. `probe`: its token, and whether it was answered."""

    endpoint: EndpointRow
    calls: Calls = NONE
    probe: tuple[UUID, bool] | None = None
    times: tuple[int, ...] = ()
    rest_until: datetime | None = None


class Breakers:
    """The breakers of all endpoints, as one worker knows them.

    `changed` is set when there is something to tell at once.
    """

    def __init__(self, database: Database, clock: Clock):
        """All are closed until something is read."""
        self.changed = asyncio.Event()
        self._database = database
        self._clock = clock
        self._known: dict[UUID, Health] = {}
        self._heard: dict[UUID, _Heard] = {}
        self._closed_at: dict[UUID, datetime] = {}
        self._busy: Counter[UUID] = Counter()
        self._shut: set[Owner] = set()
        self._well_told_at = clock.now()

    # ---- what the worker asks

    def shut(self, which: queue.Queue) -> Sequence[Owner]:
        """Departments, or endpoints of subscribers, that nobody calls now but a prober."""
        return [owner for owner in self._shut if isinstance(owner, type(which.nobody))]

    def is_shut(self, owner: Owner) -> bool:
        """Whether this is one of them."""
        return owner in self._shut

    def may_call(self, which: queue.Queue, claimed: Claimed) -> bool:
        """Whether this piece of work may still be called about."""
        return claimed.probe is not None or claimed.row[which.owner] not in self._shut

    def note(self, claimed: Claimed, attempt: Attempt) -> None:
        """Counts a call that ended. One that began before the breaker was closed says nothing of today."""
        endpoint, answered = claimed.endpoint, breaker.was_answered(attempt.outcome)
        asked = breaker.asked_to_wait(attempt.outcome)
        if endpoint is None or (answered is None and asked is None and claimed.probe is None):
            return
        heard = self._heard.setdefault(endpoint.id, _Heard(endpoint))
        self._let_rest(heard, asked)
        if answered:
            took_s = (attempt.ended_at - attempt.started_at).total_seconds()
            heard.times = answer_times.added(heard.times, answer_times.one(took_s))
        if claimed.probe is not None:
            heard.probe = (claimed.probe, answered is True)
            self.changed.set()
            return
        closed_at = self._closed_at.get(endpoint.id)
        if answered is None or (closed_at is not None and attempt.started_at < closed_at):
            return
        heard.calls = heard.calls.and_one(answered=answered)
        if not answered and self._after(heard, self._clock.now()).is_shut:
            self._shut.add(_new(endpoint).of)
            self.changed.set()

    def _let_rest(self, heard: _Heard, asked: timedelta | None) -> None:
        """Leaves alone who says so several times in a row; once may be a matter of one task."""
        id = heard.endpoint.id
        if asked is None:
            self._busy.pop(id, None)
            return
        self._busy[id] += 1
        if self._busy[id] >= breaker.BUSY_IN_A_ROW:
            heard.rest_until = self._clock.now() + asked
            self._shut.add(_new(heard.endpoint).of)
            self.changed.set()

    # ---- what the workers tell one another

    async def exchange(self) -> bool:
        """Tells what it heard, and hears what others know; gives whether somebody is called again.

        Raises: Unavailable.
        """
        async with self._database.glance() as connection:
            found = await store.every(connection)
        now = self._clock.now()
        self._know(found, now)
        await self._alert(now)
        told = {id: heard for id, heard in self._heard.items() if self._is_worth_telling(id, heard, now)}
        if told:
            self._heard = {id: heard for id, heard in self._heard.items() if id not in told}
            try:
                await self._tell(told, now)
            finally:
                for id, heard in told.items():
                    self._hear_again(id, heard)
        before, self._shut = self._shut, set(self._shut_now(now))
        return not before <= self._shut

    def _know(self, found: dict[UUID, Health], now: datetime) -> None:
        for id, before in self._known.items():
            if before.is_shut and not (id in found and found[id].is_shut):
                self._closed_at[id] = now
        self._known = found

    def _is_worth_telling(self, id: UUID, heard: _Heard, now: datetime) -> bool:
        known = self._known.get(id)
        is_plain = heard.probe is None and heard.rest_until is None and not heard.calls.failed
        is_well = is_plain and (known is None or _is_well(known))
        return not is_well or now - self._well_told_at >= WELL_EVERY

    async def _tell(self, told: dict[UUID, _Heard], now: datetime) -> None:
        """Writes what was heard; what is left in `told` was not written, as others were quicker."""
        if now - self._well_told_at >= WELL_EVERY:
            self._well_told_at = now
        written = []
        async with self._database.transaction() as connection:
            for id in sorted(told):  # two workers must not wait for one another
                after = self._after(told[id], now)
                if await store.write(connection, after):
                    written.append(replace(after, version=after.version + 1))
        before = self._known
        self._know(before | {after.endpoint_id: after for after in written}, now)
        for after in written:
            del told[after.endpoint_id]
            _say(before.get(after.endpoint_id), after, now)

    def _after(self, heard: _Heard, now: datetime) -> Health:
        """How the endpoint fares, with what was heard of it."""
        known = self._known.get(heard.endpoint.id) or _new(heard.endpoint)
        rests = max(filter(None, (known.rest_until, heard.rest_until)), default=None)
        times = answer_times.added(known.answer_times, heard.times)
        after = breaker.after_calls(known.breaker, heard.calls, now)
        known = replace(known, breaker=after, rest_until=rests, answer_times=times)
        if heard.probe is None or heard.probe[0] != known.probe_token:
            return known
        after = breaker.after_probe(after, now, answered=heard.probe[1])
        alerts = 0 if after.is_closed else known.alerts
        return replace(known, breaker=after, probe_token=None, probe_until=None, alerts=alerts)

    async def _alert(self, now: datetime) -> None:
        """Tells people of who does not answer for long; of all workers the one that notes it."""
        for id, health in list(self._known.items()):
            due = breaker.alerts_due(health.breaker, now)
            if due > health.alerts:
                async with self._database.transaction() as connection:
                    told = await store.write(connection, replace(health, alerts=due))
                if told:
                    self._known[id] = replace(health, version=health.version + 1, alerts=due)
                    _say_open(health, now)

    def _hear_again(self, id: UUID, heard: _Heard) -> None:
        later = self._heard.get(id)
        self._heard[id] = (
            heard
            if later is None
            else replace(
                later,
                calls=heard.calls.and_then(later.calls),
                probe=later.probe or heard.probe,
                times=answer_times.added(heard.times, later.times),
                rest_until=later.rest_until or heard.rest_until,
            )
        )

    def _shut_now(self, now: datetime) -> Iterator[Owner]:
        unheard = (health for id, health in self._known.items() if id not in self._heard)
        for health in (*unheard, *(self._after(heard, now) for heard in self._heard.values())):
            if health.rests(now):
                yield health.of

    # ---- probes

    async def probes(self, which: queue.Queue, full: Collection[Owner], lease: timedelta) -> list[Claimed]:
        """The one call to each endpoint whose time has come, if there is work for it and nobody was quicker.

        Raises: Unavailable.
        """
        claimed: list[Claimed] = []
        now, kind = self._clock.now(), "subscriber" if which is queue.DELIVERIES else "department"
        for health in list(self._known.values()):
            is_probed = health.probe_until is not None and health.probe_until > now
            is_due = health.kind == kind and breaker.may_probe(health.breaker, now) and not is_probed
            if is_due and health.of not in full:
                claimed += await steps.claim_probe(self._database, which, self._clock, health, lease)
        return claimed


class Standings:
    """Which departments cannot be reached, for whoever shows cases; looked up once a second at most."""

    def __init__(self, database: Database, clock: Clock):
        """Nothing was looked up yet."""
        self._database = database
        self._clock = clock
        self._known: dict[str, datetime | None] = {}
        self._ends_at: datetime | None = None

    async def shut(self) -> Mapping[str, datetime | None]:
        """These departments, and when each is tried next, if that is known. Raises: Unavailable."""
        now = self._clock.now()
        if self._ends_at is None or self._ends_at <= now:
            self._ends_at = now + timedelta(seconds=EVERY_S)
            async with self._database.glance() as connection:
                found = await store.every(connection)
            self._known = {
                each.owner: max(filter(None, (each.breaker.retry_at, each.rest_until)), default=None)
                for each in found.values()
                if each.rests(now) and each.kind == "department"
            }
        return {
            code: retry_at if retry_at is not None and retry_at > now else None
            for code, retry_at in self._known.items()
        }


def _is_well(health: Health) -> bool:
    spotless = not health.breaker.in_a_row and not any(each.failed for each in health.breaker.recent)
    return spotless and health.breaker.is_closed


def _new(endpoint: EndpointRow) -> Health:
    """Of which nobody knows anything yet."""
    return Health(endpoint.id, endpoint.kind, endpoint.owner)


def _say(before: Health | None, after: Health, now: datetime) -> None:
    """Tells the log of a breaker that opened or closed: once, as one worker writes the change."""
    was_shut = before is not None and before.is_shut
    if was_shut is after.is_shut:
        return
    if after.is_shut:
        _say_open(after, now)
    elif before is not None:
        log.warning("endpoint.closed", **_words(before), after_s=_open_s(before, now))


def _say_open(health: Health, now: datetime) -> None:
    until = str(health.breaker.retry_at)
    log.warning("endpoint.open", **_words(health), since_s=_open_s(health, now), until=until)


def _words(health: Health) -> dict[str, str]:
    return {"endpoint": str(health.endpoint_id), "kind": health.kind, "owner": health.owner}


def _open_s(health: Health, now: datetime) -> int:
    return int((now - (health.breaker.opened_at or now)).total_seconds())
