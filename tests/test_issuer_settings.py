"""Issuers in the settings: a slip is named with its place, and what would be unsafe is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from onenet.errors import MisconfiguredError
from onenet.settings import read_settings
from tests.test_docs import block

RIGHT: dict[str, Any] = {
    "code": "city-id",
    "url": "https://id.example",
    "audience": "https://onenet.example",
    "roles": ["citizen"],
}


def refusal(monkeypatch: pytest.MonkeyPatch, *issuers: dict[str, Any]) -> str:
    monkeypatch.setenv("ONENET_ISSUERS", json.dumps(issuers))
    with pytest.raises(MisconfiguredError) as caught:
        read_settings()
    return str(caught.value)


def test_issuers_are_read_from_the_file_and_from_a_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "onenet.toml"
    file.write_text(
        '[[issuers]]\ncode = "staff-id"\nurl = "https://staff.example"\naudience = "onenet"\n'
        'roles = ["officer", "supervisor"]\nrole_claim = "roles"\ndepartment_claim = "dept"\n'
        "[issuers.role_names]\nboss = 'supervisor'\n"
        '[issuers.login]\nclient_id = "onenet-console"\nclient_secret = "s3"\n'
    )
    monkeypatch.setenv("ONENET_CONFIG", str(file))
    (found,) = read_settings().issuers
    assert (found.code, found.role_names, found.algorithms) == (
        "staff-id",
        {"boss": "supervisor"},
        ("RS256",),
    )
    assert found.login is not None
    assert found.login.secret() == "s3"
    assert "s3" not in repr(found)
    monkeypatch.setenv("ONENET_ISSUERS", json.dumps([RIGHT]))
    assert [issuer.code for issuer in read_settings().issuers] == ["city-id"]


def test_the_documented_issuers_are_right(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "onenet.toml"
    file.write_text(block("docs/administrators.md", "issuers"))
    monkeypatch.setenv("ONENET_CONFIG", str(file))
    assert [issuer.code for issuer in read_settings().issuers] == ["city-id", "staff-id"]


def test_a_secret_may_lie_in_a_file_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3\n")
    login = {"client_id": "onenet-console", "client_secret_file": str(file)}
    monkeypatch.setenv("ONENET_ISSUERS", json.dumps([{**RIGHT, "login": login}]))
    found = read_settings().issuers[0].login
    assert found is not None
    assert found.secret() == "s3"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"code": "City"}, r"ONENET_ISSUERS\[0\]\.code: String should match"),
        ({"url": "http://id.example"}, r"ONENET_ISSUERS\[0\]\.url: .*expected https://"),
        ({"url": "https://id.example?x=1"}, r"\.url: .*expected https://"),
        ({"url": "https://root@id.example"}, r"\.url: .*expected https://"),
        ({"url": "http://127.0.0.1.id.example"}, r"\.url: .*expected https://"),
        ({"jwks_uri": "file:///keys"}, r"\.jwks_uri: .*expected https://"),
        ({"algorithms": ["HS256"]}, r"\.algorithms\[0\]: Input should be 'RS256'"),
        ({"algorithms": ["none"]}, r"\.algorithms\[0\]: Input should be 'RS256'"),
        ({"algorithms": []}, r"\.algorithms: "),
        ({"roles": ["frontend"]}, r"\.roles\[0\]: Input should be 'citizen'"),
        ({"roles": []}, r"\.roles: "),
        ({"roles": ["citizen", "agent"]}, r"expected role_claim, as there is more than one role"),
        ({"role_names": {"x": "citizen"}}, r"role_names needs role_claim"),
        (
            {"role_claim": "roles", "role_names": {"x": "officer"}},
            r"role_names gives roles that are not in roles: officer",
        ),
        ({"roles": ["officer"]}, r"expected department or department_claim for officer"),
        ({"department": "a", "department_claim": "b"}, r"expected department or department_claim, not both"),
        ({"audeince": "x"}, r"\.audeince: Extra inputs are not permitted"),
        ({"login": {"client_id": "x", "client_secret": "a", "client_secret_file": "b"}}, r"not both"),
    ],
)  # fmt: skip
def test_a_slip_is_named_with_its_place(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], said: str
) -> None:
    assert re.search(said, refusal(monkeypatch, {**RIGHT, **changes}))


def test_two_issuers_have_neither_code_nor_url_in_common(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "two issuers have the code city-id" in refusal(monkeypatch, RIGHT, {**RIGHT, "url": "https://b"})
    assert "two issuers have the url" in refusal(monkeypatch, RIGHT, {**RIGHT, "code": "b"})


def test_a_variable_that_is_no_json_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONENET_ISSUERS", "city-id")
    with pytest.raises(MisconfiguredError, match=r"ONENET_ISSUERS: .*expected a JSON array of issuers"):
        read_settings()
