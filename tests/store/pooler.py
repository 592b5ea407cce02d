"""A real PgBouncer in transaction mode before the tests' PostgreSQL, with fewer sessions than callers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.faults.ports import Ports

START_LIMIT_S = 10.0
SESSIONS = 3

CONFIGURATION = """
[databases]
* = host={socket} user={user}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
client_login_timeout = 5
server_login_retry = 1
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""


def find_pgbouncer() -> str:
    """The program. Where there is none: a skip that says so, an error where CI is set."""
    found = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if found is None:
        if os.environ.get("CI"):
            raise FileNotFoundError("pgbouncer is not installed (Debian package pgbouncer)")
        pytest.skip("pgbouncer is not installed (Debian package pgbouncer)")
    return found


@contextmanager
def start_pooler(server_uri: str) -> Iterator[str]:
    """The URL of the server through the pooler, with `{database}` for the database's name."""
    program, server = find_pgbouncer(), make_url(server_uri)
    folder = Path(tempfile.mkdtemp(prefix="onenet-pooler-"))
    folder.chmod(0o777)  # as root it drops its rights, and still has to write here
    with Ports() as ports:
        port = ports.take()
        told = CONFIGURATION.format(
            socket=server.query["host"], user=server.username, port=port, sessions=SESSIONS, folder=folder
        )
        (folder / "pgbouncer.ini").write_text(told)
        # It refuses to be root, and only the server's own user may enter the folder of the socket.
        as_user = ["-u", Path(str(server.query["host"])).owner()] if os.getuid() == 0 else []
        process = subprocess.Popen([program, "-q", *as_user, folder / "pgbouncer.ini"], process_group=0)
        try:
            _wait(process, port, folder)
            yield f"postgresql://{server.username}@127.0.0.1:{port}/{{database}}"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(START_LIMIT_S)
            shutil.rmtree(folder, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        assert process.poll() is None, (folder / "pgbouncer.log").read_text()
        assert time.monotonic() < deadline, "pgbouncer does not listen"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
