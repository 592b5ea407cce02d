"""What is kept of a foreign text names nobody."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onenet.adapters.masking import excerpt, masked

IDENTITY = "11010519491231002X"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'{{"id": "{IDENTITY}"}}', '{"id": "***"}'),
        (f"id={IDENTITY.lower()};", "id=***;"),
        ("手机13812345678。", "手机***。"),
        ("+8613812345678", "***"),
        ("138-1234-5678 or 138 1234 5678", "*** or ***"),
        ("110105194912310021", "110105194912310021"),
        (f"1{IDENTITY}", f"1{IDENTITY}"),
        ("POLICE-2026-000001", "POLICE-2026-000001"),
        ("12812345678", "12812345678"),
        ("1381234567890", "1381234567890"),
    ],
)
def test_identity_and_mobile_numbers_are_replaced(text: str, expected: str) -> None:
    assert masked(text) == expected


def test_an_excerpt_is_cut_at_8_kb_after_masking() -> None:
    kept = excerpt(b"x" * 8_180 + f" {IDENTITY} tail".encode())
    assert kept == "x" * 8_180 + " *** tail"


def test_an_excerpt_is_never_cut_within_a_character() -> None:
    assert excerpt("城".encode() * 4_000) == "城" * 2_730


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_an_excerpt_of_noise_can_be_stored(body: bytes) -> None:
    assert "\0" not in excerpt(body).encode().decode()
