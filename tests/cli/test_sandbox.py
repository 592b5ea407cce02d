"""department check and stand-in as commands: what they print, and with which status they end."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.adapters.departments import department
from tests.adapters.factories import SECRET
from tests.cli.commands import run
from tests.faults.ports import Ports

NOBODY = "http://127.0.0.1:9/"


def check(*words: str, url: str = NOBODY) -> tuple[int, str, str]:
    """The command; the database of the environment is none that it could open."""
    return run("postgresql://nobody@127.0.0.1:9/none", "department", "check", url, *words)


def test_the_environments_database_is_not_touched_and_all_that_is_right_ends_with_0(tmp_path: Path) -> None:
    with Ports() as ports:
        port = ports.take()
        callback = f"http://127.0.0.1:{port}/v1/callbacks/sandbox"
        with department(tmp_path, habit="fast", callback=callback) as simulated:
            words = ("--secret", SECRET, "--listen", str(port), "--only", "bad_signature", "--json")
            status, out, err = check(*words, url=f"{simulated.url}/")
    told = json.loads(out)
    assert (status, told["passed"], told["failed"]) == (0, 2, 0), err
    assert told["checks"][1] == {
        "check": "bad_signature", "verdict": "passed", "came": "status 401",
        "expected": "401 or 403, and no callback", "rule": "docs/departments.md#check-the-signature",
        "fix": "Compare the signature, in constant time, before you read the body; answer 401.",
    }  # fmt: skip
    assert callback in err


def test_settings_of_some_onenet_that_are_wrong_are_not_even_read() -> None:
    wrong = {"ONENET_KEK_FILE": "/nope", "ONENET_PORT": "x", "ONENET_MISSPELT": "1"}
    status, _, err = run("none", "department", "check", NOBODY, "--secret", "x", **wrong)
    assert (status, "expected a key that is whsec_" in err) == (2, True), err


def test_what_fails_is_told_with_rule_and_fix_and_ends_with_1() -> None:
    status, out, _ = check("--secret", SECRET, "--listen", "0", "--only", "time")
    assert status == 1
    assert re.sub(r"0\.\d\d s", "0.00 s", out).splitlines() == [
        "× accept           no answer after 0.00 s (no connection); no answer after 0.00 s (no connection)",
        "    expected: a 2xx within 15 s; where it says more, in words that can be read",
        "    rule:     docs/departments.md#what-to-answer-to-a-task",
        "    fix:      Store the task and answer 202; anything longer comes after the answer.",
        "· time: says nothing while accept is not passed",
        "0 passed, 1 failed, 0 not seen, 1 skipped",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("--secret", "x"), "expected a key that is whsec_", id="secret"),
        pytest.param(
            ("--secret", SECRET, "--adapter", "none"), "expected an installed adapter", id="adapter"
        ),
        pytest.param(("--secret", SECRET, "--only", "none"), "no check none", id="check"),
        pytest.param(("--secret", SECRET, "--listen", "8o"), "expected a port", id="port"),
        pytest.param((), "run this again with --secret whsec_", id="no secret and nobody to wait for"),
    ],
)
def test_a_misuse_is_told_and_ends_with_2(words: tuple[str, ...], said: str) -> None:
    status, _, err = check("--listen", "0", *words)
    assert (status, said in err) == (2, True), err


@pytest.mark.parametrize(
    ("url", "said"),
    [("ftp://127.0.0.1/", "expected an address"), ("http://169.254.169.254/", "nobody is ever called there")],
)
def test_an_address_that_nobody_may_call_ends_with_2(url: str, said: str) -> None:
    status, _, err = check("--secret", SECRET, "--listen", "0", url=url)
    assert (status, said in err) == (2, True), err


def test_a_stand_in_says_what_it_needs() -> None:
    status, _, err = run("sqlite://", "department", "stand-in", "--department", "edu", "--habit", "fast",
                         "--folder", "none")  # fmt: skip
    assert (status, "the dialect webhook needs --callback and --secret" in err) == (2, True)
