"""The demo's folder: what it keeps between runs, whose it is, and that one demo at a time uses it.

| file | what |
|---|---|
| onenet-demo.json | keys and secrets, mode 600; also the mark by which the folder is known as the demo's |
| kek | the key-encryption key, mode 600; beside the database it protects nothing, and nothing here is real |
| onenet.sqlite3 | onenet's database |
| sample.json, twins.json, ... | bodies of `POST /v1/cases` to be sent by hand, with dates of legal time |
| front-end.jsonl | what the front-end sent, under which keys |
| exchange/ | the databases that departments swap rows in |
| departments/ | what each simulated department remembers |
| logs/ | what each process said |
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from onenet.adapters import signing
from onenet.demo.city import CITY
from onenet.encryption import FileKeys, KeyRing, kek
from onenet.encryption.kek import new_kek
from onenet.encryption.suites import STD
from onenet.errors import MisconfiguredError


@dataclass(frozen=True, slots=True)
class Credentials:
    """What opens the demo's doors. The keys are empty until they have been made in the database."""

    subscriber_secret: str = field(default_factory=signing.new_secret)
    department_secrets: dict[str, str] = field(
        default_factory=lambda: {department.code: signing.new_secret() for department in CITY}
    )
    department_keys: dict[str, str] = field(default_factory=dict)
    frontend_key: str = ""
    hotline_key: str = ""
    administrator_key: str = ""
    supervisor_key: str = ""
    auditor_key: str = ""


class Folder:
    """The demo's folder."""

    def __init__(self, path: Path):
        """Touches nothing yet."""
        self.path = path
        self.database = path / "onenet.sqlite3"
        self.kek = path / "kek"
        self.notebook = path / "front-end.jsonl"
        self.exchange = path / "exchange"
        self.departments = path / "departments"
        self.logs = path / "logs"
        self._credentials = path / "onenet-demo.json"
        self._lock = path / "lock"

    def prepare(self, *, fresh: bool) -> None:
        """Makes the folder, empty when `fresh`. Raises: MisconfiguredError for one that is not the demo's."""
        if self.path.exists() and any(self.path.iterdir()):
            if not self._credentials.is_file():
                raise MisconfiguredError(
                    f"{self.path} is not empty and not a demo's folder: choose another one"
                )
            if fresh:
                with self.locked():
                    shutil.rmtree(self.path)
        for folder in (self.path, self.exchange, self.departments, self.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._credentials.exists():
            self.save(Credentials())
        if not self.kek.exists():
            kek.write(self.kek, FileKeys({}).text(new_kek(1, STD)))

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Holds the folder and gives the lock's descriptor: children that inherit it hold the folder, too.

        So a demo that was killed keeps a second one out for as long as one of its processes still runs.
        Raises: MisconfiguredError when somebody else holds it.
        """
        with self._lock.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise MisconfiguredError(f"a demo runs in {self.path}, or is just ending") from None
            yield file.fileno()

    def credentials(self) -> Credentials:
        """What is kept. Raises: MisconfiguredError when the file cannot be read."""
        try:
            return Credentials(**json.loads(self._credentials.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            raise MisconfiguredError(f"{self._credentials} cannot be read; `--fresh` begins anew") from None

    def key_ring(self) -> KeyRing:
        """The keys of what the database holds encrypted. Raises: MisconfiguredError."""
        return KeyRing(FileKeys.read(self.kek.read_text(encoding="ascii")))

    def save(self, credentials: Credentials) -> None:
        """Keeps them, readable by the owner alone; a crash leaves the old file or the new one."""
        draft = self._credentials.with_suffix(".new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(credentials), file, indent=2)
        draft.replace(self._credentials)
