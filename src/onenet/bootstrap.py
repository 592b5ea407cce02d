"""Puts a process together from its settings: database, catalogue, gate, worker, server. The only assembly."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
import uvicorn
from sqlalchemy.exc import DBAPIError, OperationalError

from onenet import crashing
from onenet.adapters.clamd import Clamd
from onenet.adapters.stamps import Authority
from onenet.addresses import Networks
from onenet.api.parts import Parts
from onenet.clock import Clock, ScaledClock
from onenet.errors import MisconfiguredError, Unavailable
from onenet.quotas import Quotas, policies
from onenet.resources import migrations_dir
from onenet.services import encryption
from onenet.services.advance import Gate
from onenet.services.anchor import Anchor
from onenet.services.catalogue import Catalogue
from onenet.services.clock import MachineTime, machine_time
from onenet.services.document_links import Links
from onenet.services.document_upkeep import Caretaker
from onenet.services.documents import Vault
from onenet.services.health import Standings
from onenet.services.identity import Identity
from onenet.services.keys import Keyring
from onenet.services.logins import Logins
from onenet.services.reading import Reading
from onenet.services.sealing import Sealing
from onenet.services.sources import Sources
from onenet.services.stamping import Stamping
from onenet.services.tokens import AccessTokens, check_worlds
from onenet.services.unsealed import Unsealed
from onenet.services.watch import Watch
from onenet.settings import Settings, listed
from onenet.store import durability
from onenet.store.database import Database
from onenet.store.migrating import Migrator
from onenet.store.objects import Folder
from onenet.store.objects_s3 import Bucket
from onenet.worker import Worker

if TYPE_CHECKING:
    from onenet.app import Application

DRAIN_S = 20
"""How long requests under way may take after a signal to stop; calls to departments end within 15 s."""

START_PATIENCE_S, START_PAUSE_S = 30.0, 1.0
"""How long a process that starts waits for its database, and how often it looks."""

MOST_FILES = 20_000
"""Open files that a server asks for: two connections' worth for each that the guard lets in."""

COLLECT_AFTER = (50_000, 20, 50)
"""New objects, and rounds of each generation, after which cycles are looked for; `run` says why."""

log = structlog.get_logger()

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Process:
    """The parts of one process. `clock` tells legal time; `lease` is how long claimed work is its own."""

    parts: Parts
    clock: Clock
    lease: timedelta
    logins: Logins
    sealing: Sealing
    unsealed: Unsealed
    records_kept_for: timedelta
    scanner: Clamd | None = None
    stamping: Stamping | None = None

    def worker(self) -> Worker:
        """A worker over these parts."""
        known = self.parts
        links = Links(known.vault, known.public_url)
        caretaker = Caretaker(known.vault, links, known.case_of, self.scanner)
        return Worker(
            known.database,
            known.gate,
            self.clock,
            known.machine_clock,
            lease=self.lease,
            sealing=self.sealing,
            caretaker=caretaker,
            destinations=known.destinations,
            records_kept_for=self.records_kept_for,
        )


def legal_clock(settings: Settings, machine: Clock) -> Clock:
    """The clock of legal time: the machine's, unless the demo runs it fast."""
    if settings.clock_speed == 1.0 and settings.clock_origin is None:
        return machine
    return ScaledClock(settings.clock_origin or machine.now(), settings.clock_speed)


@asynccontextmanager
async def process(settings: Settings) -> AsyncIterator[Process]:
    """The parts, over a database that is at the newest revision. Raises: MisconfiguredError, Unavailable."""
    crashing.arm(settings.crash)
    url = settings.resolved_database_url()
    migrator = Migrator(url, migrations_dir())
    database = Database(url, ring=settings.key_ring(), capabilities=settings.capabilities or "")
    try:
        time = await _patiently(lambda: _first_look(migrator, database), of_server=migrator.is_of_server)
        await check_worlds(database, settings.issuers, time.clock.now())
        tokens = AccessTokens(settings.issuers, database, time.clock, destinations=settings.destinations())
        made = _put_together(settings, database, tokens, time.clock)
        beside: list[Coroutine[Any, Any, None]] = [
            time.run(),
            made.unsealed.run(),
            encryption.Following(database, time.clock).run(),
        ]
        if made.stamping is not None and settings.stamp_fail_closed_s is not None:
            most_late = timedelta(seconds=settings.stamp_fail_closed_s)
            beside.append(made.stamping.keep_closed(made.parts.gate, most_late))
        keeping = [asyncio.create_task(each) for each in beside]
        try:
            yield made
        finally:
            for task in keeping:
                task.cancel()
            await _last_word(made.unsealed)
            await made.parts.sources.aclose()
            await tokens.aclose()
    finally:
        await database.close()


async def _last_word(unsealed: Unsealed) -> None:
    """Tells the sealer what this process did last; if that fails, a look through all cases finds it."""
    try:
        await unsealed.tell()
    except (Unavailable, DBAPIError) as error:
        log.warning("unsealed_not_told", reason=str(error))


def _put_together(
    settings: Settings, database: Database, tokens: AccessTokens, machine_clock: Clock
) -> Process:
    clock = legal_clock(settings, machine_clock)
    catalogue = Catalogue(database)
    gate = Gate(database, catalogue.bundle, clock, machine_clock, catalogue.rules)
    watch = Watch(database)
    unsealed = Unsealed(database, machine_clock)
    gate.listen(watch.on_commit)
    gate.listen(unsealed.on_commit)
    reading = Reading(database, catalogue, Standings(database, machine_clock))
    scanner = Clamd(settings.clamd_url) if settings.clamd_url else None
    parts = Parts(
        public_url=settings.resolved_public_url(),
        database=database,
        gate=gate,
        watch=watch,
        catalogue=catalogue,
        identity=Identity(Keyring(database, machine_clock), tokens),
        reading=reading,
        machine_clock=machine_clock,
        vault=vault(settings, database, machine_clock),
        quotas=Quotas(policies(settings.quotas or "")),
        fetch_lease=timedelta(seconds=2 * settings.lease_s),
        destinations=settings.destinations(),
        draft_life=timedelta(days=settings.draft_days),
        sources=Sources(settings.sources, settings.destinations(), machine_clock),
    )
    logins = Logins(tokens, database, machine_clock, public_url=settings.resolved_public_url())
    anchor = Anchor(settings.log_anchor_file) if settings.log_anchor_file else None
    stamping = _stamping(settings, database, machine_clock)
    sealing = Sealing(database, database.ring, machine_clock, anchor, stamping)
    lease, kept = timedelta(seconds=settings.lease_s), timedelta(days=settings.access_record_days)
    return Process(parts, clock, lease, logins, sealing, unsealed, kept, scanner, stamping)


def _stamping(settings: Settings, database: Database, machine_clock: Clock) -> Stamping | None:
    """Who has checkpoints stamped, if anybody. Raises: MisconfiguredError."""
    if settings.stamp_url is None:
        return None
    if settings.stamp_certificates is None:
        raise MisconfiguredError("ONENET_STAMP_URL: set ONENET_STAMP_CERTIFICATES_FILE, too")
    every = timedelta(seconds=settings.stamp_every_s)
    authority = Authority.read(settings.stamp_certificates)
    return Stamping(database, machine_clock, authority, settings.stamp_url, every)


def vault(settings: Settings, database: Database, machine_clock: Clock) -> Vault:
    """Where documents are kept. Raises: MisconfiguredError."""
    folder, is_scanned = settings.data_dir / "documents", bool(settings.clamd_url)
    try:
        objects = Bucket.at(settings.documents_url, {}) if settings.documents_url else Folder(folder)
        return Vault.over(
            database,
            objects,
            database.ring,
            machine_clock,
            folder=folder / "spool",
            is_scanned=is_scanned,
        )
    except OSError as error:
        raise MisconfiguredError(f"ONENET_DATA_DIR: {folder}: {error.strerror}") from None


async def _first_look(migrator: Migrator, database: Database) -> MachineTime:
    """The database's time, if everything about it is as it must be. Raises: MisconfiguredError."""
    if not await asyncio.to_thread(migrator.is_current):
        raise MisconfiguredError("the database is not at the newest revision: run `onenet db upgrade`")
    await durability.check(database)
    time = await machine_time(database)
    await encryption.check(database, time.clock.now())
    return time


async def _patiently(look: Callable[[], Awaitable[MachineTime]], *, of_server: bool) -> MachineTime:
    """What the look gives; it is repeated while a server is away, as hosts start in any order.

    All of it: a server that restarts answers the first question and not the second.
    Raises: Unavailable when it stays away: whoever supervises the process starts it again.
    """
    patience_s = START_PATIENCE_S if of_server else 0.0
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return await look()
        except (OperationalError, Unavailable) as error:
            reason = _reason(error)
            if time.monotonic() >= deadline:
                raise Unavailable(f"no database after {patience_s:.0f} s: {reason}") from None
            log.warning("database_away", at="start", reason=reason)
        await asyncio.sleep(START_PAUSE_S)


def _reason(error: OperationalError | Unavailable) -> str:
    return str(error.orig if isinstance(error, OperationalError) else error).strip().splitlines()[0]


class _Server(uvicorn.Server):
    """Says where it listens once it does, as with port 0 nobody else knows; calls `on_stop` at the signal."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Tells everything else first: streams and workers that go on would hold the server up."""
        self._on_stop()
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to listen."""
        await super().startup(sockets)
        for server in getattr(self, "servers", ()):
            for bound in server.sockets:
                host, port, *_ = bound.getsockname()
                print(f"onenet listens on http://{host}:{port}", flush=True)  # told to people


def run(main: Coroutine[Any, Any, Value]) -> Value:
    """Runs a process: on uvloop where the extra `speed` is installed, which takes a third off every step."""
    # What was loaded is for good, and cases come and go by the thousand: looking through all of them for
    # cycles every 700 objects took 22 % of a worker's time.
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.run(main)
    return uvloop.run(main)


async def _can_listen(settings: Settings) -> None:
    """Passes when the address can be had. Raises: MisconfiguredError, in one line that names it."""
    loop, host, port = asyncio.get_running_loop(), settings.host, settings.port
    try:
        probe = await loop.create_server(asyncio.Protocol, host, port, start_serving=False)
    except OSError as error:
        words = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        hint = "see ONENET_HOST and ONENET_PORT"
        raise MisconfiguredError(f"cannot listen on {host}:{port}: {words} ({hint})") from None
    probe.close()


async def serve(settings: Settings, *, with_worker: bool) -> None:
    """Serves until told to stop, then drains: no new work, what is under way is finished and recorded.

    Raises: MisconfiguredError, Unavailable.
    """
    from onenet.app import create_app  # here: a worker has no use for it, and loading it takes 0.3 s

    _raise_file_limit()
    await _can_listen(settings)
    async with process(settings) as made:
        worker = made.worker() if with_worker else None
        on_stop = _from_signal(made.parts.watch.end, *([worker.stop] if worker else []))
        app = create_app(
            made.parts,
            docs_enabled=settings.docs_enabled,
            logins=made.logins,
            origins=frozenset(listed(settings.cors_origins)),
        )
        server = _Server(_server_config(app, settings), on_stop)
        _on_signal(on_stop)
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(made.parts.watch.run())
            recording = group.create_task(made.parts.reading.accesses.run())
            noting = group.create_task(made.parts.identity.keyring.run())
            working = group.create_task(worker.run()) if worker else None
            await server.serve()
            if worker and working:
                worker.stop()
                await working
            watching.cancel()
            recording.cancel()
            noting.cancel()


def _server_config(app: Application, settings: Settings) -> uvicorn.Config:
    from onenet.guard import Crowd, Guard, Limits, guarded, refusal

    proxies = listed(settings.trusted_proxies)
    limits = Limits(connections_per_address=settings.connections_per_address)
    guard = Guard(
        limits, Crowd(limits, Networks(proxies)), refusal(settings.resolved_public_url(), app.version)
    )
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=guarded(guard),
        ws="none",
        log_level="error",  # what else it tells is the guard's to tell, and an attacker's to repeat
        access_log=False,  # it is put into words before its level is looked at
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        timeout_keep_alive=int(limits.idle_s),
        timeout_graceful_shutdown=DRAIN_S,
    )


def _raise_file_limit() -> None:
    """Each connection is a file; many systems allow a process 1,024 unless it asks for more."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows, where there is no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def work(settings: Settings) -> None:
    """Works until told to stop."""
    async with process(settings) as made:
        worker = made.worker()
        _on_signal(_from_signal(worker.stop))
        print("onenet works on what is due", flush=True)  # told to people, and from here on it drains
        await worker.run()


def _from_signal(*stops: Callable[[], None]) -> Callable[[], None]:
    """What a signal handler may call: it runs between any two instructions, so the loop makes the calls."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for each in stops:
            loop.call_soon_threadsafe(each)

    return stop


def _on_signal(stop: Callable[[], None]) -> None:
    """Stops on SIGTERM and SIGINT. The server has handlers of its own, and raises it again for these."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())
