"""The command line of a simulated department; it prints one JSON line when it can be reached."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from onenet.adapters import signing
from onenet.clock import SystemClock
from onenet.errors import MisconfiguredError
from onenet.simulator.dialects import DIALECTS
from onenet.simulator.habits import HABITS
from onenet.simulator.ledger import Ledger
from onenet.simulator.sender import Sender
from onenet.simulator.server import Department, Server


def main() -> None:
    """Serves until it is killed."""
    options = _options()
    options.folder.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(options.folder / (options.state or f"{options.department}.sqlite3"))
    clock = SystemClock()
    sender = Sender(ledger, options.callback, options.secret, clock)
    department = Department(
        code=options.department,
        habit=HABITS[options.habit],
        dialect=DIALECTS[options.dialect],
        secret=options.secret,
        delay_s=options.delay_s,
        ledger=ledger,
        sender=sender,
        clock=clock,
    )
    server = Server(options.port, department)
    sender.start()
    print(json.dumps({"department": department.code, "port": server.server_port}), flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m onenet.simulator", description="A simulated department.")
    parser.add_argument("--department", required=True, help="its code, such as police")
    parser.add_argument("--habit", required=True, choices=HABITS)
    parser.add_argument("--dialect", default="webhook", choices=DIALECTS)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--callback", required=True, help="the address onenet is called back at")
    parser.add_argument("--secret", required=True, type=_secret, help="signs and verifies, whsec_…")
    parser.add_argument("--folder", required=True, type=Path, help="where it keeps its state")
    parser.add_argument("--state", help="the name of its state file; default: the department's code")
    parser.add_argument("--delay-s", type=float, default=0.5, help="seconds until its first callback")
    return parser.parse_args()


def _secret(text: str) -> str:
    try:
        signing.sign(b"", [text], message_id="check", at=SystemClock().now())
    except MisconfiguredError as error:
        raise argparse.ArgumentTypeError(error.detail) from None
    return text


if __name__ == "__main__":
    main()
