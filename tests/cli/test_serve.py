"""onenet serve: an address that cannot be had."""

from __future__ import annotations

import socket

import pytest

from tests.cli.commands import run


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_address_that_is_taken_is_named_in_one_line(database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said, error = run(database_url, "serve", "--port", str(port))
    words = f"cannot listen on 127.0.0.1:{port}: Address already in use (see ONENET_HOST and ONENET_PORT)"
    assert (status, said, error) == (2, "", f"onenet: {words}\n")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_address_that_is_not_this_machine_s_is_named_too(database_url: str) -> None:
    status, _, error = run(database_url, "serve", "--host", "192.0.2.1")
    assert (status, "onenet: cannot listen on 192.0.2.1:8000: " in error) == (2, True)
    assert len(error.splitlines()) == 1
