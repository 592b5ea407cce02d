"""Public libraries of Standard Webhooks, of Python and of npm, behind one way to ask them.

They read the real clock and cannot be told another time, so whoever asks signs now.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import standardwebhooks
import svix.webhooks

from onenet.adapters import signing
from tests.installing import installed_by_npm

NPM = Path(__file__).parent / "npm"
NAMES = ("standardwebhooks of Python", "svix of Python", "standardwebhooks of npm", "svix of npm")

Message: TypeAlias = tuple[bytes, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Library:
    """`believes`: whether it takes a message. `sign`: the value of `webhook-signature`."""

    believes: Callable[[str, Message], bool]
    sign: Callable[[str, str, datetime, bytes], str]

    def headers(self, secret: str, message_id: str, body: bytes) -> dict[str, str]:
        """What a department sends that signs with this library, now."""
        now = datetime.now(UTC)
        return {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self.sign(secret, message_id, now, body),
        }


def library(name: str, config: pytest.Config) -> Library:
    """The library of this name. Skips where npm or its packages cannot be had."""
    if name == "standardwebhooks of Python":
        return _of_python(standardwebhooks.Webhook, standardwebhooks.webhooks.WebhookVerificationError)
    if name == "svix of Python":
        return _of_python(svix.webhooks.Webhook, svix.webhooks.WebhookVerificationError)
    folder = installed_by_npm(NPM, config)
    (folder / "signatures.mjs").write_bytes((NPM / "signatures.mjs").read_bytes())
    return _of_npm(name.removesuffix(" of npm"), folder)


def _of_python(webhook: Any, error: type[Exception]) -> Library:
    def believes(secret: str, message: Message) -> bool:
        try:
            webhook(secret).verify(*message)
        except error:
            return False
        return True

    return Library(believes, lambda secret, id, at, body: webhook(secret).sign(id, at, body.decode()))


def _of_npm(name: str, folder: Path) -> Library:
    def ask(**words: Any) -> str:
        question = json.dumps({"library": name} | words)
        command = [str(shutil.which("node")), "signatures.mjs"]
        return str(json.loads(subprocess.check_output(command, cwd=folder, input=question, text=True)))

    def believes(secret: str, message: Message) -> bool:
        said = ask(secret=secret, body=message[0].decode(), headers=dict(message[1]))
        assert said in ("believed", "WebhookVerificationError"), said
        return said == "believed"

    def sign(secret: str, id: str, at: datetime, body: bytes) -> str:
        return ask(secret=secret, body=body.decode(), id=id, at=int(at.timestamp()))

    return Library(believes, sign)


def made_wrong(body: bytes, headers: Mapping[str, str], secret: str, now: datetime) -> dict[str, Message]:
    """A right message, signed with this secret now, made wrong in one way; by the name of the way."""
    seconds, id, signature = int(now.timestamp()), headers["webhook-id"], headers["webhook-signature"]
    stranger = signing.sign(body, [signing.new_secret()], message_id=id, at=now)

    def having(**changes: str | None) -> Message:
        changed = {**headers, **{f"webhook-{name}": value for name, value in changes.items()}}
        return body, {name: value for name, value in changed.items() if value is not None}

    def at(age_s: int) -> Message:
        then = datetime.fromtimestamp(seconds - age_s, UTC)
        return body, {**headers, **signing.sign(body, [secret], message_id=id, at=then)}

    return {
        "another body": (body + b" ", headers),
        "another id": having(id=f"{id}x"),
        "another time": having(timestamp=str(seconds - 1)),
        "301 s old": at(301),
        "301 s ahead": at(-301),
        "another secret": (body, {**headers, **stranger}),
        "no signature": having(signature=None),
        "no time": having(timestamp=None),
        "no id": having(id=None),
        "a time in words": having(timestamp="yesterday"),
        "a time with a fraction": having(timestamp=f"{seconds}.0"),
        "an id with a dot": having(id=f"{id}.1"),
        "another version": having(signature=f"v2{signature[2:]}"),
        "no version": having(signature=signature[3:]),
        "a cut signature": having(signature=signature[:-8]),
        "no base64": having(signature="v1,?"),
        "a flood of entries": having(signature="v1,x " * 5_000),
    }  # fmt: skip
