"""The running town: the service and the departments, all reachable and known to each other."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from onenet.adapters import desk, exchange_table
from onenet.clock import ScaledClock
from onenet.demo import database, processes
from onenet.demo.city import CITY, REGISTERS, Department
from onenet.demo.database import Tell
from onenet.demo.folder import Folder
from onenet.demo.processes import Child, ChildFailed
from onenet.errors import MisconfiguredError

HERE = "127.0.0.1:1-65535"
"""What the service may call: departments and subscriber are here, on whatever port is free."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a town is to run. `delay_s`: a department's, in real seconds. `subscriber_url`: for webhooks."""

    folder: Folder
    lock: int
    port: int
    delay_s: float
    subscriber_url: str

    @property
    def base_url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(slots=True)
class Town:
    """The processes of a town that runs.

    `addresses`: of the departments, by code. `legal`: its legal time, as far as an onlooker can tell.
    `sources`: where registers are asked, as the setting has it.
    """

    plan: Plan
    addresses: Mapping[str, str]
    simulators: list[Child]
    server: Child
    legal: ScaledClock
    sources: str

    async def set_speed(self, speed: float) -> None:
        """Lets legal time run at this speed from where it is: the service is stopped and started anew."""
        await processes.stop([self.server])
        origin = await database.newest_event_at(self.plan.folder) or self.legal.now()
        self.server, self.legal = await _serve(self.plan, origin, speed, self.sources)

    async def watch(self) -> None:
        """Goes on while every process runs. Raises: ChildFailed as soon as one has ended."""
        while True:
            for child in [self.server, *self.simulators]:
                if child.has_ended:
                    raise child.failure("ended by itself")
            await asyncio.sleep(0.5)


def free_port(first: int | None) -> int:
    """A port of 127.0.0.1 that nobody listens on: from `first` upward, or any. Raises: ChildFailed."""
    for port in range(first, first + 100) if first else [0]:
        try:
            return _bound(port)
        except OSError:
            continue
    raise ChildFailed(f"no free port from {first} to {(first or 0) + 99}")


def check_port(port: int) -> None:
    """Passes when somebody can listen there. Raises: MisconfiguredError: who asked for it goes there next."""
    try:
        _bound(port)
    except OSError as error:
        raise MisconfiguredError(f"cannot listen on 127.0.0.1:{port}: {error.strerror}") from None


def _bound(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running(plan: Plan, *, origin: datetime, speed: float, tell: Tell) -> AsyncIterator[Town]:
    """A town over a prepared database, its legal time from `origin` on.

    At the end, whatever happens, first the service is stopped, which finishes what it began with the
    departments; then these. Raises: ChildFailed.
    """
    simulators: list[Child] = []
    try:
        simulators += await _start_departments(plan, await database.register_uncalled(plan.folder))
        addresses = {
            department.code: f"http://127.0.0.1:{await processes.said_port(child)}"
            for department, child in zip(CITY, simulators, strict=True)
        }
        await database.register(plan.folder, addresses, plan.subscriber_url)
        tell(f"✓ {len(addresses)} departments listen")
        registers, sources = await _start_registers(plan)
        simulators.append(registers)
        server, legal = await _serve(plan, origin, speed, sources)
        town = Town(plan, addresses, simulators, server, legal, sources)
        tell(f"✓ the service answers at {plan.base_url}")
        try:
            yield town
        finally:
            await processes.stop([town.server])
    finally:
        await processes.stop(simulators)


async def _start_departments(plan: Plan, asks: Mapping[str, str]) -> list[Child]:
    """`asks`: where those ask who are not called, by code."""
    return await asyncio.gather(
        *(
            processes.start(
                department.code,
                [
                    "onenet.simulator",
                    *("--department", department.code, "--habit", department.habit),
                    *("--dialect", department.adapter, "--port", "0", "--delay-s", str(plan.delay_s)),
                    *("--folder", str(plan.folder.departments)),
                    *_ways(plan, department, asks.get(department.code)),
                ],
                plan.folder.logs / f"{department.code}.log",
                lock=plan.lock,
            )
            for department in CITY
        )
    )


def _ways(plan: Plan, department: Department, asks: str | None) -> list[str]:
    """How the department reaches the service: by callbacks, where it asks for tasks, or by rows."""
    credentials = plan.folder.credentials()
    if asks is None:
        url, secret = f"/v1/callbacks/{department.code}", credentials.department_secrets[department.code]
        return ["--callback", plan.base_url + url, "--secret", secret]
    if department.adapter == exchange_table.NAME:
        return ["--exchange", asks]
    option = "--desk" if department.adapter == desk.NAME else "--queue"
    key = f"--key={credentials.department_keys[department.code]}"
    consults = [f"--consults={department.consults}"] if department.consults else []
    return [option, plan.base_url + asks, key, *consults]


async def _start_registers(plan: Plan) -> tuple[Child, str]:
    """One process that stands for all registers, and the setting by which they are found."""
    key = secrets.token_urlsafe()
    words = [
        *("onenet.simulator", "--department", "registers", "--habit", "fast", "--dialect", "certificates"),
        *("--port", "0", f"--key={key}", "--folder", str(plan.folder.departments)),
    ]
    child = await processes.start("registers", words, plan.folder.logs / "registers.log", lock=plan.lock)
    url = f"http://127.0.0.1:{await processes.said_port(child)}/"
    return child, json.dumps([{"code": code, "url": url, "key": key} for code in REGISTERS])


async def _serve(plan: Plan, origin: datetime, speed: float, sources: str) -> tuple[Child, ScaledClock]:
    """The service, answering, and its legal time."""
    variables = {
        "ONENET_DATA_DIR": str(plan.folder.path),
        "ONENET_KEK_FILE": str(plan.folder.kek),
        "ONENET_PORT": str(plan.port),
        "ONENET_INNER_NETWORKS": HERE,
        "ONENET_EXCHANGE_DIR": str(plan.folder.exchange),
        "ONENET_CLOCK_ORIGIN": origin.isoformat(),
        "ONENET_CLOCK_SPEED": str(speed),
        "ONENET_SOURCES": sources,
        "ONENET_QUOTAS": "sources=off",  # one citizen applies for the whole city
    }
    log = plan.folder.logs / "serve.log"
    server = await processes.start("serve", ["onenet", "serve"], log, lock=plan.lock, variables=variables)
    try:
        await processes.answers(server, f"{plan.base_url}/health/ready")
    except BaseException:
        await processes.stop([server])
        raise
    return server, ScaledClock(origin, speed)
