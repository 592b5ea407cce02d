"""Codes: how they are written, and what somebody may type for one."""

from __future__ import annotations

import pytest

from onenet.domain import verification
from onenet.domain.verification import Code


def test_a_code_is_sixteen_characters_in_groups_and_read_back() -> None:
    for code in (Code(0, 0), Code((1 << 30) - 1, (1 << 50) - 1), Code(123_456_789, 987_654_321_012)):
        assert verification.read(str(code)) == code
    assert str(Code(1, 2)) == "0000-0100-0000-0002"


@pytest.mark.parametrize(
    "typed", ["0000-0100-0000-0002", "0000010000000002", " oooo-oloo oooo-ooo2 ", "OOOOOIOOOOOOOOO2"]
)
def test_what_looks_alike_is_meant_alike(typed: str) -> None:
    assert verification.read(typed) == Code(1, 2)


@pytest.mark.parametrize("typed", ["", "0000", "0000-0100-0000-00021", "0000-0100-0000-000U", "é" * 16])
def test_what_can_be_no_code_is_none(typed: str) -> None:
    assert verification.read(typed) is None


def test_a_code_is_the_first_bits_of_its_macs() -> None:
    mac = bytes([0b10000000, *bytes(31)])
    locator = verification.locator_of(5, mac)
    assert (locator, Code(locator, 0).lane) == (5 << 22 | 1 << 21, 5)
    assert verification.proof_of(mac) == 1 << 49
