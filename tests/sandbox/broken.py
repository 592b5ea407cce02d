"""The receiver that departments are shown, with one line spoilt: for each rule one that breaks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "docs" / "receivers" / "python" / "receiver.py"

Spoilt = Sequence[tuple[str, str]]

QUICK: Spoilt = [("time.sleep(1)", "time.sleep(0.1)")]
"""It looks for what is planned more often: nothing is spoilt by that."""

_VERIFIED = "WEBHOOK.verify(self.rfile.read(size), dict(self.headers))"
_READ = "self.rfile.read(size)"
_TAKES = 'take(message["data"])'
_ID = 'f"{task}_{seq}", json'
_NEW_ID = 'f"{task}_{time.time_ns()}", json'
_KNOWN = (
    "task submission created_at case bundle jurisdiction step item names applicant answers form materials"
    " results_before not_granted results_expected promised tolerated commitment"
)

_SECOND_IN_VAIN = """\
    if task["submission"] > 1:
        return
    if task["form"]["wish"] == "supplement":
        asked = [{"kind": "material", "code": "proof", "reason": "内容不清晰"}]
        return say(task["task"], 1, {"outcome": "supplement_needed", "requests": asked})
"""
_LOOKS_FIRST = """\
if not run("SELECT 1 FROM callback WHERE id LIKE ?", message["data"]["task"] + "%"):
                time.sleep(0.3)
                take(message["data"])
"""
_FIRST_ENTRY = (
    '{**self.headers, "webhook-signature": self.headers.get("webhook-signature", "").split(" ")[0]}'
)
_STRICT = f"""\
if not set(message["data"]) <= set("{_KNOWN}".split()):
                return 422
            {_TAKES}"""
_ANY_TIME = """\
Webhook._Webhook__verify_timestamp = lambda self, text: datetime.fromtimestamp(int(text), UTC)
CALLBACK_URL ="""
_FORGETS = """\
    if os.path.exists(DATABASE):
        os.remove(DATABASE)
    run("CREATE TABLE"""

BROKEN: Mapping[str, Spoilt] = {
    "signature": [("WEBHOOK.sign(message_id", 'Webhook("whsec_" + "AAAA" * 10).sign(message_id')],
    "words": [('"outcome": "completed"', '"outcome": "approved"')],
    "ids": [
        ('"webhook-id": message_id', '"webhook-id": message_id[:30]'),
        ("sign(message_id", "sign(message_id[:30]"),
    ],
    "supplement": [("    results = [", f"{_SECOND_IN_VAIN}    results = [")],
    "duplicate": [(_ID, _NEW_ID)],
    "overlap": [(_ID, _NEW_ID), (_TAKES, _LOOKS_FIRST)],
    "bad_signature": [(_VERIFIED, f"json.loads({_READ})")],
    "old_timestamp": [("CALLBACK_URL =", _ANY_TIME)],
    "tampered_body": [
        (_READ, f'json.dumps(json.loads({_READ}), ensure_ascii=False, separators=(",", ":"))'),
    ],
    "rotation": [("dict(self.headers)", _FIRST_ENTRY)],
    "unknown_members": [(_TAKES, _STRICT)],
    "big_task": [("LARGEST_BODY = 262_144", "LARGEST_BODY = 100_000")],
    "repeat": [("if status in AGAIN or status >= 500:", "if False:")],
    "final": [
        ('            run("UPDATE callback SET', '            continue\n            run("UPDATE callback SET')
    ],
    "restart": [('    run("CREATE TABLE', _FORGETS)],
}
"""What is spoilt, by the one check that must notice it."""


def program(folder: Path, spoilt: Spoilt) -> Path:
    """The receiver with these lines changed, as a file in this folder."""
    text = SOURCE.read_text(encoding="utf-8")
    for old, new in (*QUICK, *spoilt):
        assert old in text, f"the receiver has no {old!r} any more"
        text = text.replace(old, new)
    file = folder / "receiver.py"
    file.write_text(text, encoding="utf-8")
    return file
