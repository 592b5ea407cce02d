"""A disk that fails when the harness says so: write and sync calls of a real process end with ENOSPC or EIO.

The process runs behind a filter of the kernel (seccomp, user notification) that asks this module about every
such call. No package, no privilege; it works on PostgreSQL and SQLite alike. Linux 5.5 or newer. As a script
(`disk.py SOCKET [--user NAME] COMMAND...`) it puts a command behind the disk that listens there.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import select
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

CALLS = {
    "x86_64": {"pwrite64": 18, "fsync": 74, "fdatasync": 75, "fallocate": 285, "pwritev": 296},
    "aarch64": {"fallocate": 47, "pwrite64": 68, "pwritev": 70, "fsync": 82, "fdatasync": 83},
}
"""Of the files behind a database, and of few others: pipes, sockets and logs are written by other calls."""

SYNCS = frozenset({"fsync", "fdatasync"})

_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SET_MODE_FILTER, _NEW_LISTENER = 1, 8
_NO_NEW_PRIVILEGES = 38
_ALLOW, _ASK = 0x7FFF_0000, 0x7FC0_0000
_RECEIVE, _ANSWER = 0xC050_2100, 0xC018_2101
_CONTINUE = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that is about to be made. `grows`: it writes beyond the end of its file."""

    call: str
    path: str
    grows: bool


Rule = Callable[[Asked], int]
"""A call -> 0 to let it through, or the error it ends with."""


def healthy(asked: Asked) -> int:
    """Everything succeeds."""
    return 0


class Disk:
    """Decides about the calls of every process behind it while it is entered. `rule` may be set at any time.

    `injected`: how many calls ended with an error, by call.
    """

    def __init__(self, folder: Path):
        """Listens below the folder, whose path has to be short."""
        self.socket = folder / "disk"
        self.rule: Rule = healthy
        self.injected: Counter[str] = Counter()
        self._names = {number: name for name, number in CALLS[platform.machine()].items()}
        self._door = socket.socket(socket.AF_UNIX)
        self._wake, self._woken = socket.socketpair()

    def behind(self, command: tuple[str, ...], user: str | None = None) -> tuple[str, ...]:
        """The command, put behind this disk."""
        switch = ("--user", user) if user else ()
        return (sys.executable, str(Path(__file__)), str(self.socket), *switch, *command)

    def __enter__(self) -> Self:
        self._door.bind(str(self.socket))
        self._door.listen()
        self._thread = threading.Thread(target=self._serve, name="disk")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wake.close()
        self._thread.join()
        self._door.close()
        self._woken.close()

    def _serve(self) -> None:
        poll, door, woken = select.poll(), self._door.fileno(), self._woken.fileno()
        for each in (door, woken):
            poll.register(each, select.POLLIN | select.POLLHUP)
        filters: list[int] = []
        while True:
            for descriptor, what in poll.poll():
                if descriptor == woken:
                    for each in filters:
                        os.close(each)
                    return
                if descriptor == door:
                    came, _ = self._door.accept()
                    with came:
                        _, received, _, _ = socket.recv_fds(came, 1, 1)
                    filters += received
                    poll.register(received[0], select.POLLIN)
                elif what & select.POLLIN:
                    self._decide(descriptor)
                else:  # the last process behind this filter is gone
                    poll.unregister(descriptor)
                    filters.remove(descriptor)
                    os.close(descriptor)

    def _decide(self, listener: int) -> None:
        asked = bytearray(80)
        with suppress(OSError):  # the process may be killed while it waits for the answer
            fcntl.ioctl(listener, _RECEIVE, asked)
            id, pid, _, number, _, _, *arguments = struct.unpack("=QIIiIQ6Q", asked)
            call = _seen(self._names[number], f"/proc/{pid}/fd/{arguments[0] & 0x7FFF_FFFF}", arguments)
            error = self.rule(call)
            self.injected[call.call] += error != 0
            fcntl.ioctl(listener, _ANSWER, struct.pack("=QqiI", id, 0, -error, 0 if error else _CONTINUE))


def _seen(call: str, link: str, arguments: list[int]) -> Asked:
    _, _, length, offset, *_ = arguments
    end = {"pwrite64": offset + length, "pwritev": offset + 1, "fallocate": length + offset}.get(call, 0)
    try:
        return Asked(call, str(Path(link).readlink()), end > Path(link).stat().st_size)
    except OSError:
        return Asked(call, "", grows=False)


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort),
        ("jt", ctypes.c_ubyte),
        ("jf", ctypes.c_ubyte),
        ("k", ctypes.c_uint),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction)))


def _put_behind(disk: str) -> None:
    """Installs the filter for this process and all that come of it, and hands its other end to the disk."""
    numbers = list(CALLS[platform.machine()].values())
    steps = [(0x20, 0, 0, 0)]  # load the number of the call
    steps += [(0x15, len(numbers) - place, 0, number) for place, number in enumerate(numbers)]
    steps += [(0x06, 0, 0, _ALLOW), (0x06, 0, 0, _ASK)]
    program = _Program(len(steps), (_Instruction * len(steps))(*(_Instruction(*step) for step in steps)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    listener = libc.syscall(
        _SECCOMP[platform.machine()], _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(program)
    )
    if listener < 0:
        raise OSError(ctypes.get_errno(), f"seccomp: {errno.errorcode.get(ctypes.get_errno())}")
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(disk)
        socket.send_fds(door, [b"x"], [listener])
    os.close(listener)


def _become(user: str) -> None:
    import pwd

    known = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(known.pw_gid)
    os.setuid(known.pw_uid)


if __name__ == "__main__":
    disk, *words = sys.argv[1:]
    _put_behind(disk)
    if words[0] == "--user":
        _become(words[1])
        words = words[2:]
    os.execvp(words[0], words)  # noqa: S606  # what the scenario asked for
