"""What is answered below routing, where no application is asked: a problem like everywhere else."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from onenet.api import doorway, negotiation, problems
from onenet.api.problems import RequestMark
from onenet.errors import OnenetError
from onenet.ids import new_id, to_text


def refusal(public_url: str, version: str) -> Callable[[OnenetError], bytes]:
    """Writes whole answers: status line, the house's headers, the problem. The connection ends with them."""

    def write(error: OnenetError) -> bytes:
        mark = RequestMark(to_text("req", new_id()))
        answer = problems.response(
            error, public_url=public_url, language=negotiation.language(None), mark=mark
        )
        given = dict(answer.raw_headers)
        headers = dict(doorway.house_headers(version, mark)) | given | {b"connection": b"close"}
        lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}".encode()]
        lines += [name + b": " + value for name, value in headers.items()]
        return b"\r\n".join([*lines, b"", bytes(answer.body)])

    return write
