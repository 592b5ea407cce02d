"""The command line of a simulated department; it prints one JSON line when it can be reached."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from onenet.adapters import signing
from onenet.clock import Clock, SystemClock
from onenet.errors import MisconfiguredError
from onenet.simulator import certificates, georeport, paper
from onenet.simulator.clerk import Clerk
from onenet.simulator.dialects import DIALECTS
from onenet.simulator.fetcher import Fetcher, by_answer
from onenet.simulator.habits import HABITS
from onenet.simulator.ledger import Ledger
from onenet.simulator.register import Register
from onenet.simulator.sender import Http, Sender, Way, by_key, signed
from onenet.simulator.server import Department, Server

OPEN311 = "open311"
"""The dialect of a department that is a GeoReport v2 server."""

CERTIFICATES = "certificates"
"""The dialect of a source of certificates, which is no department."""

NEEDED: dict[str, tuple[str, ...]] = {
    "asked": ("secret",),
    "pull": ("queue", "key"),
    "desk": ("desk", "key"),
    "exchange_table": ("exchange",),
    OPEN311: ("key",),
    CERTIFICATES: ("key",),
}
"""What the dialects of departments that do not call back need, in the place of an address and a secret."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves until it is killed. `arguments`: None for those of the process."""
    options = _options(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    state = options.folder / (options.state or f"{options.department}.sqlite3")
    server = SERVERS.get(options.dialect, _department)(options, state)
    print(json.dumps({"department": options.department, "port": server.server_port}), flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


def _department(options: argparse.Namespace, state: Path) -> Server:
    """One that calls back, or is there to fetch, to decide at a desk or to swap rows."""
    ledger, clock = Ledger(state), SystemClock()
    habit = HABITS[options.habit]
    department = Department(
        code=options.department,
        habit=by_answer(habit) if options.dialect in NEEDED else habit,
        dialect=DIALECTS[options.dialect],
        secret=options.secret or "",
        delay_s=options.delay_s,
        ledger=ledger,
        sender=Sender(ledger, _way(options, clock), clock),
        clock=clock,
    )
    server = Server(options.port, department)
    if not department.dialect.is_asked:
        department.sender.start()
    if options.dialect == "pull":
        Fetcher(department, options.queue, options.key).start()
    elif options.dialect == "desk":
        Clerk(department, options.desk, options.key, options.consults).start()
    elif options.dialect == "exchange_table":
        from onenet.simulator.swapper import Swapper, open_database  # here: loading it takes half a second

        Swapper(department, open_database(options.exchange)).start()
    return server


def _georeport(options: argparse.Namespace, state: Path) -> georeport.Server:
    """One that is asked."""
    city = georeport.City(
        habit=HABITS[options.habit],
        kind=options.kind,
        quirks=frozenset(options.quirk),
        api_key=options.key,
        delay_s=options.delay_s,
        register=Register(state, first_id=0 if "zero" in options.quirk else 1),
        clock=SystemClock(),
    )
    return georeport.Server(options.port, city)


def _certificates(options: argparse.Namespace, _: Path) -> certificates.Server:
    """One that is asked about certificates."""
    return certificates.Server(options.port, certificates.Source(options.key))


SERVERS = {OPEN311: _georeport, CERTIFICATES: _certificates}
"""What is made of the dialects that are no department of ours."""


def _way(options: argparse.Namespace, clock: Clock) -> Way:
    match options.dialect:
        case "pull":
            return Http(f"{options.queue}/answers", by_key(options.key), clock)
        case "desk":
            return Http(f"{options.desk}/{{task}}/answers", by_key(options.key), clock)
        case "exchange_table":
            from onenet.simulator.swapper import Rows, open_database

            return Rows(open_database(options.exchange))
        case _:
            return Http(options.callback or "", signed(options.secret), clock)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="onenet department stand-in", description="A simulated department.")
    parser.add_argument("--department", required=True, help="its code, such as police")
    parser.add_argument("--habit", required=True, choices=HABITS)
    parser.add_argument("--dialect", default="webhook", choices=[*DIALECTS, OPEN311, CERTIFICATES])
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--callback", help="the address onenet is called back at; none with asked")
    parser.add_argument("--secret", type=_secret, help="signs and verifies, whsec_…")
    parser.add_argument("--queue", help="with the dialect pull: the address it fetches its tasks from")
    parser.add_argument("--desk", help="with the dialect desk: the address of its work-list")
    parser.add_argument("--consults", help="with desk: the department whose opinion is asked first")
    parser.add_argument("--key", help="with pull and desk: its API key, onk_…; else its own")
    parser.add_argument("--kind", default="realtime", choices=georeport.KINDS, help="with open311")
    parser.add_argument("--quirk", action="append", default=[], choices=paper.QUIRKS, help="with open311")
    parser.add_argument("--exchange", help="with the dialect exchange_table: the URL of its database")
    parser.add_argument("--folder", required=True, type=Path, help="where it keeps its state")
    parser.add_argument("--state", help="the name of its state file; default: the department's code")
    parser.add_argument("--delay-s", type=float, default=0.5, help="seconds until it says its first word")
    options = parser.parse_args(arguments)
    needed = NEEDED.get(options.dialect, ("callback", "secret"))
    if missing := [f"--{name}" for name in needed if getattr(options, name) is None]:
        parser.error(f"the dialect {options.dialect} needs {' and '.join(missing)}")
    return options


def _secret(text: str) -> str:
    try:
        signing.sign(b"", [text], message_id="check", at=SystemClock().now())
    except MisconfiguredError as error:
        raise argparse.ArgumentTypeError(error.detail) from None
    return text


if __name__ == "__main__":
    main()
