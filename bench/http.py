"""What is asked over HTTP: the shipped example of a birth, sent in and looked at again."""

from __future__ import annotations

import contextlib
import json
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import load, serving, town
from bench.ground import Ground
from bench.measure import NotMeasured
from onenet.demo import samples

CONNECTIONS = 32
WARM_UP_S, SECONDS = 1.0, 5.0
SUBJECT = "s-1"


@dataclass(frozen=True)
class Service:
    """A running `onenet serve --no-worker`: its port, and the key of a front-end."""

    port: int
    key: str

    def post(self, number: int, subject: str = SUBJECT) -> bytes:
        """The request that sends an application in, each time another one."""
        more = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
        headers = self._headers | more | {"Onenet-Subject": subject}
        return load.request("POST", "/v1/cases", headers, BODY)

    def get(self, case_id: str, tag: str | None = None) -> bytes:
        """The request that looks at a case, with the ETag it was last seen with."""
        more = {"If-None-Match": tag} if tag else {}
        return load.request("GET", f"/v1/cases/{case_id}", self._headers | more)

    def page(self, subject: str) -> bytes:
        """The request for the first page of somebody's cases."""
        return load.request("GET", "/v1/cases", self._headers | {"Onenet-Subject": subject})

    def submit(self, subject: str = SUBJECT) -> dict[str, Any]:
        """The case that was opened for somebody."""
        answer = load.once(self.port, self.post(0, subject))
        if answer.status != 202:
            raise NotMeasured(f"an application was answered with {answer.status}: {answer.body[:500]!r}")
        opened: dict[str, Any] = json.loads(answer.body)
        return opened

    @property
    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.key}",
            "Onenet-Subject": SUBJECT,
            "Accept": "application/json",
        }


BODY = json.dumps(
    samples.submission(samples.read("newborn")[0], datetime.now(UTC).date()), ensure_ascii=False
).encode()


@contextlib.contextmanager
def on_postgres(ground: Ground, without: str | None = None) -> Iterator[Service]:
    """The service over a fresh PostgreSQL database, perhaps without a part of onenet."""
    with ground.server.database() as url:
        key = town.prepare(url)
        with serving.onenet(url, without=without) as port:
            yield Service(port, key)


@contextlib.contextmanager
def on_sqlite() -> Iterator[Service]:
    """The service over a fresh SQLite file, beside PostgreSQL's data on the same disk."""
    with tempfile.TemporaryDirectory(prefix="onenet-bench-") as folder:
        url = f"sqlite:///{folder}/onenet.sqlite3"
        key = town.prepare(url)
        with serving.onenet(url) as port:
            yield Service(port, key)


@contextlib.contextmanager
def bare(service: Service) -> Iterator[Service]:
    """The bare application, which answers with a case of the service's."""
    answer = load.once(service.port, service.get(service.submit()["id"]))
    if answer.status != 200:
        raise NotMeasured(f"a case was answered with {answer.status}")
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        Path(file.name).write_bytes(answer.body)
        with serving.bare(Path(file.name)) as port:
            yield Service(port, service.key)


def rate(ground: Ground, port: int, make: load.Make, status: int) -> float:
    """Answers per second from 32 connections."""
    return load.closed(
        port, make, status=status, connections=CONNECTIONS,
        warm_up_s=WARM_UP_S * ground.size, seconds=SECONDS * ground.size,
    )  # fmt: skip
