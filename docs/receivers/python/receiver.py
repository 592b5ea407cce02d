"""A department's end: takes signed tasks, answers 202, calls back when it has decided."""

import json
import os
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

WEBHOOK = Webhook(os.environ["SIGNING_SECRET"])
CALLBACK_URL = os.environ["CALLBACK_URL"]  # http://127.0.0.1:8000/v1/callbacks/<department>
DATABASE = os.environ.get("DATABASE", "department.sqlite3")
LARGEST_BODY = 262_144  # onenet sends no more
AGAIN = {401, 408, 429}  # and 5xx: the same message once more; every other answer is final


def take(task: dict) -> None:
    """Plans what this department will say of the task: put your work here. This one grants everything."""
    results = [{"code": code, "number": f"EX-{task['case']['number']}"} for code in task["results_expected"]]
    say(task["task"], 1, {"outcome": "accepted", "opinion": "同意受理"})
    say(task["task"], 2, {"outcome": "completed", "opinion": "准予办理", "results": results})


def say(task: str, seq: int, outcome: dict) -> None:
    """Plans one callback. Its id follows from task and seq: a task that comes twice changes nothing."""
    data = {"task": task, "seq": seq, **outcome}
    message = {"type": "task.outcome", "timestamp": datetime.now(UTC).isoformat(), "data": data}
    run("INSERT OR IGNORE INTO callback VALUES (?, ?, NULL)", f"{task}_{seq}", json.dumps(message))


def keep_calling_back() -> None:
    """Sends what is planned, in order, until each has its answer; after a restart, too."""
    while True:
        for message_id, body in run("SELECT id, body FROM callback WHERE status IS NULL ORDER BY rowid"):
            status = call_back(message_id, body)
            print(message_id, json.loads(body)["data"]["outcome"], status, flush=True)
            if status in AGAIN or status >= 500:
                break
            run("UPDATE callback SET status = ? WHERE id = ?", status, message_id)
        time.sleep(1)


def call_back(message_id: str, body: str) -> int:
    now = datetime.now(UTC)  # each try is signed anew, under the same id
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": WEBHOOK.sign(message_id, now, body),
    }
    try:
        with urlopen(Request(CALLBACK_URL, body.encode(), headers), timeout=10) as answer:
            return answer.status
    except HTTPError as error:
        return error.code
    except OSError:
        return 503  # nobody there: as if onenet had said "not now"


def run(statement: str, *values: object) -> list[tuple]:
    with closing(sqlite3.connect(DATABASE, timeout=10)) as connection, connection:
        return connection.execute(statement, values).fetchall()


class Receiver(BaseHTTPRequestHandler):
    timeout = 15  # seconds without a byte

    def do_POST(self) -> None:
        self.send_response(self.status())
        self.send_header("content-length", "0")
        self.end_headers()

    def status(self) -> int:
        try:
            size = int(self.headers.get("content-length", 0))
            if not 0 <= size <= LARGEST_BODY:
                return 413
            message = WEBHOOK.verify(self.rfile.read(size), dict(self.headers))
        except (
            WebhookVerificationError,
            ValueError,
        ):  # ValueError: garbage for a signature
            return 401
        if message["type"] == "step.requested":
            take(message["data"])  # on disk before the answer: a 2xx is a promise
        return 202


if __name__ == "__main__":
    run("CREATE TABLE IF NOT EXISTS callback (id TEXT PRIMARY KEY, body TEXT, status INTEGER)")
    Thread(target=keep_calling_back, daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Receiver).serve_forever()
