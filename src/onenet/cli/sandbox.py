"""department check, simulate, stand-in: for developers of departments' systems, without a city."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import structlog
import typer

from onenet.adapters import signing
from onenet.cli.options import CredentialFiles, DescriptionFile, credentials_in, options_of
from onenet.cli.restarting import restarting

if TYPE_CHECKING:
    from onenet.sandbox.evidence import Wish
    from onenet.sandbox.judging import Finding
    from onenet.sandbox.narrator import Line
    from onenet.sandbox.service import Department, Service

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
"""How a command hands all its words on to another program, which reads them itself."""

SIGNS = {"passed": "✓", "failed": "×", "not_seen": "–", "skipped": "·"}
CONTRACT = "docs/departments.md"

SystemUrl = Annotated[str, typer.Argument(help="Where the department's system takes tasks.")]
AdapterName = Annotated[str, typer.Option(help="webhook, simulated or rest.")]
Secret = Annotated[
    str | None,
    typer.Option(help="whsec_… that both know, or whsk_… of onenet's alone; default: a new one, shown."),
]
Signs = Annotated[Literal["v1", "v1a"] | None, typer.Option(help="The kind of a new key.")]
Trusted = Annotated[
    list[str] | None, typer.Option("--trust", help="whpk_…, with which the system signs; may be repeated.")
]
Listen = Annotated[
    str, typer.Option(help="Port, or address:port, at which the system calls back.", metavar="[ADDRESS:]PORT")
]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the sandbox listens."""

    host: str
    port: int


def run_check(
    url: SystemUrl,
    *,
    adapter: AdapterName = "webhook",
    secret: Secret = None,
    signs: Signs = None,
    trusted: Trusted = None,
    description: DescriptionFile = None,
    credential: CredentialFiles = None,
    listen: Listen = "8470",
    only: Annotated[
        list[str] | None, typer.Option(help="The name of a check; may be repeated. Default: all.")
    ] = None,
    wait: Annotated[float, typer.Option(help="Seconds that a decision may take.")] = 30.0,
    restart_command: Annotated[
        str | None, typer.Option(help="Restarts the system and ends; default: you are asked to.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Check a department's system against a onenet of its own on this machine.

    Exit status 0: all that was seen is right; 1: something is wrong; 2: misused.
    """
    from onenet.sandbox.check import Choices
    from onenet.sandbox.rules import BY_NAME
    from onenet.sandbox.service import Department

    if unknown := [name for name in only or [] if name not in BY_NAME]:
        raise typer.BadParameter(
            f"no check {unknown[0]}; there are {', '.join(BY_NAME)}", param_hint="--only"
        )
    options = options_of([], description, adapter)
    department = Department(
        url, adapter, secret, signs, tuple(trusted or ()), options, credentials_in(credential or [])
    )
    choices = Choices(tuple(only or ()), wait, restarting(restart_command, url))
    findings = asyncio.run(_check(department, _place(listen), choices))
    _show(findings, as_json=as_json)
    raise typer.Exit(1 if any(each.verdict == "failed" for each in findings.values()) else 0)


def simulate(
    *,
    url: Annotated[str, typer.Option(help="Where the department's system takes tasks.")],
    adapter: AdapterName = "webhook",
    secret: Secret = None,
    signs: Signs = None,
    trusted: Trusted = None,
    description: DescriptionFile = None,
    credential: CredentialFiles = None,
    listen: Listen = "8470",
    folder: Annotated[
        Path | None, typer.Option(help="Keeps cases and keys from run to run; default: nothing is kept.")
    ] = None,
    every: Annotated[
        float | None, typer.Option(min=0.1, help="Files a case every so many seconds; default: at Enter.")
    ] = None,
    wish: Annotated[
        Literal["complete", "reject", "supplement"], typer.Option(help="What the form of a case asks for.")
    ] = "complete",
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object for each line.")] = False,
) -> None:
    """Run a onenet for a department's system to talk to, and tell what happens; Ctrl-C ends it."""
    from onenet.sandbox.service import Department

    options = options_of([], description, adapter)
    department = Department(
        url, adapter, secret, signs, tuple(trusted or ()), options, credentials_in(credential or [])
    )
    with contextlib.ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onenet-sandbox-")))
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        asyncio.run(_simulate(department, _place(listen), place, _Filing(wish, every), as_json=as_json))


@dataclass(frozen=True, slots=True)
class _Filing:
    """Which cases are filed, and when; `every_s`: None at Enter."""

    wish: Wish
    every_s: float | None


async def _simulate(
    department: Department, place: _Place, folder: Path, filing: _Filing, *, as_json: bool
) -> None:
    from onenet.sandbox import cases
    from onenet.sandbox.narrator import text_of
    from onenet.sandbox.service import running
    from onenet.sandbox.simulation import working

    # What the log says below an error is told in other words; both would be read together.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))

    def tell(line: Line) -> None:
        typer.echo(json.dumps(line, ensure_ascii=False) if as_json else text_of(line))

    stop, entered = asyncio.Event(), asyncio.Queue[None]()
    async with running(department, folder, host=place.host, port=place.port) as service:
        _introduce(service)
        _progress(f"API:               {service.process.parts.public_url}/v1")
        kept = folder / "api-key"
        _progress(f"API key:           {_read(kept) or _keep(kept, await service.new_key())}")
        with _stopped_by_signals(stop):
            async with working(service, tell):
                if filing.every_s is None:
                    _progress("press Enter to file a case, Ctrl-C to end")
                    _listen_to_enter(entered)
                while await _turn(stop, entered, filing.every_s):
                    await cases.file(service.process.parts, filing.wish)


def _read(file: Path) -> str | None:
    return file.read_text(encoding="ascii") if file.exists() else None


def _keep(file: Path, token: str) -> str:
    file.touch(mode=0o600)
    file.write_text(token, encoding="ascii")
    return token


async def _turn(stop: asyncio.Event, entered: asyncio.Queue[None], every_s: float | None) -> bool:
    """Waits until a case is to be filed; False when it is time to end."""
    stopping, entering = asyncio.create_task(stop.wait()), asyncio.create_task(entered.get())
    try:
        await asyncio.wait((stopping, entering), timeout=every_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        entering.cancel()
    return not stop.is_set()


@contextlib.contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """Sets the event at Ctrl-C or SIGTERM; a second one ends the process at once."""
    loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)

    def end(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(stop.set)

    before = [signal.signal(number, end) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _listen_to_enter(entered: asyncio.Queue[None]) -> None:
    """Puts something in for each line of standard input, until that ends."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        # Not through `sys.stdin`, whose lock a thread that waits would hold when the process ends.
        while said := os.read(sys.stdin.fileno(), 1_024):
            for _ in range(said.count(b"\n")):
                loop.call_soon_threadsafe(entered.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()


async def _check(department: Department, place: _Place, choices: Any) -> Mapping[str, Finding]:
    from onenet.sandbox.check import check
    from onenet.sandbox.service import running

    is_new = department.secret is None
    if is_new:
        made = signing.new_own_key() if department.signs == "v1a" else signing.new_secret()
        department = replace(department, secret=made)
    with tempfile.TemporaryDirectory(prefix="onenet-sandbox-") as folder:
        async with running(department, Path(folder), host=place.host, port=place.port) as service:
            _introduce(service)
            if is_new:
                await _until_set_up(department)
            return await check(service, choices, _progress)


def _introduce(service: Service) -> None:
    """Tells what the system has to know."""
    from onenet.services.endpoints import public_key_of

    _progress(f"callback address:  {service.callback_url}")
    for secret in signing.shared(service.endpoint.secrets):
        _progress(f"signing secret:    {secret}")
    if (public := public_key_of(service.endpoint)) is not None:
        _progress(f"onenet signs with: {public}")


async def _until_set_up(department: Department) -> None:
    """Waits for the person who sets the system up with a new key; where there is none, that is all."""
    again = f"--secret {department.secret}"
    if not sys.stdin.isatty():
        _progress(f"set your system up with these, and run this again with {again}")
        raise typer.Exit(2)
    _progress(f"set your system up with these, then press Enter (next time: {again})")
    await asyncio.to_thread(sys.stdin.readline)


def stand_in(context: typer.Context) -> None:
    """Run a simulated department: the other end, to look at and to compare with."""
    from onenet.simulator.__main__ import main

    main(context.args)


def _place(listen: str) -> _Place:
    """Where to listen. Raises: BadParameter."""
    host, _, port = listen.rpartition(":")
    if not (port.isdecimal() and int(port) <= 65_535):
        raise typer.BadParameter("expected a port, or an address and a port: 8470, 192.0.2.7:8470")
    return _Place(host.strip("[]") or "127.0.0.1", int(port))


def _progress(line: str) -> None:
    typer.echo(line, err=True)


def _show(findings: Mapping[str, Finding], *, as_json: bool) -> None:
    from onenet.sandbox.rules import BY_NAME

    counts = {verdict: sum(each.verdict == verdict for each in findings.values()) for verdict in SIGNS}
    if as_json:
        checks = [
            {
                "check": name, "verdict": each.verdict, "came": each.came, "expected": BY_NAME[name].expected,
                "rule": f"{CONTRACT}#{BY_NAME[name].section}", "fix": BY_NAME[name].fix,
            }
            for name, each in findings.items()
        ]  # fmt: skip
        typer.echo(json.dumps({"checks": checks, **counts}, ensure_ascii=False))
        return
    skipped: dict[str, list[str]] = {}
    for name, each in findings.items():
        if each.verdict == "skipped":
            skipped.setdefault(each.came, []).append(name)
            continue
        typer.echo(f"{SIGNS[each.verdict]} {name:<16} {each.came}")
        if each.verdict == "failed":
            rule = BY_NAME[name]
            told = {"expected": rule.expected, "rule": f"{CONTRACT}#{rule.section}", "fix": rule.fix}
            typer.echo("\n".join(f"    {word + ':':<10}{text}" for word, text in told.items()))
    for why, names in skipped.items():
        typer.echo(f"{SIGNS['skipped']} {', '.join(names)}: {why}")
    typer.echo(", ".join(f"{count} {verdict.replace('_', ' ')}" for verdict, count in counts.items()))
