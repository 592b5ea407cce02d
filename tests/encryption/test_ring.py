"""The key ring: what it seals opens at its place alone, and under its keys alone."""

from __future__ import annotations

from uuid import UUID

import pytest

from onenet.encryption import FileKeys, KeyRing, Unreadable, blobs
from onenet.encryption.kek import Kek, new_kek
from onenet.encryption.ring import NO_KEYS
from onenet.encryption.suites import SM, STD, Suite
from onenet.errors import MisconfiguredError

ROW = UUID("01a2090f-8b24-7716-bfa5-d0b153af8f42")
OTHER_ROW = UUID("01a2090f-8b24-7716-bfa5-d0b153af8f43")
PLACE = "case_content.content"

suites = pytest.mark.parametrize("suite", [STD, SM], ids=lambda suite: suite.name)


def ring_of(*keks: Kek) -> KeyRing:
    """A ring of these keys."""
    return KeyRing(FileKeys({kek.kid: kek for kek in keks}))


@suites
def test_what_is_sealed_opens_with_the_key_that_was_stored(suite: Suite) -> None:
    kek = new_kek(1, suite)
    key, wrapped = ring_of(kek).new_data_key()
    blob = key.encrypt("小测".encode(), place=PLACE, row=ROW)
    assert ring_of(kek).open(wrapped).decrypt(blob, place=PLACE, row=ROW).decode() == "小测"


@suites
def test_the_blob_has_the_form_that_is_written_down(suite: Suite) -> None:
    key, _ = ring_of(new_kek(1, suite)).new_data_key()
    blob = key.encrypt(b"123456", place=PLACE, row=ROW)
    assert blob[:3] == b"\x01\x00\x00"
    assert len(blob) == 1 + 2 + 12 + 6 + 16


def test_a_wrapped_key_names_the_key_that_wrapped_it() -> None:
    _, wrapped = ring_of(new_kek(1, STD), new_kek(258, STD)).new_data_key()
    assert wrapped[:3] == b"\x01\x01\x02"


@suites
@pytest.mark.parametrize(("place", "row"), [(PLACE, OTHER_ROW), ("task.payload", ROW)])
def test_what_was_moved_to_another_row_or_column_does_not_open(suite: Suite, place: str, row: UUID) -> None:
    key, _ = ring_of(new_kek(1, suite)).new_data_key()
    blob = key.encrypt(b"x", place=PLACE, row=ROW)
    with pytest.raises(Unreadable):
        key.decrypt(blob, place=place, row=row)


def test_the_key_of_another_case_opens_nothing() -> None:
    ring = ring_of(new_kek(1, STD))
    blob = ring.new_data_key()[0].encrypt(b"x", place=PLACE, row=ROW)
    with pytest.raises(Unreadable):
        ring.new_data_key()[0].decrypt(blob, place=PLACE, row=ROW)


def test_another_key_of_the_same_number_opens_no_data_key() -> None:
    _, wrapped = ring_of(new_kek(1, STD)).new_data_key()
    with pytest.raises(Unreadable):
        ring_of(new_kek(1, STD)).open(wrapped)


def test_a_missing_key_is_named_and_what_to_do() -> None:
    _, wrapped = ring_of(new_kek(7, STD)).new_data_key()
    with pytest.raises(MisconfiguredError, match=r"key-encryption key 7, .* put its line back"):
        ring_of(new_kek(1, STD)).open(wrapped)


@pytest.mark.parametrize("blob", [b"", b"\x01", b"\x02" + bytes(60), bytes(60)])
def test_what_was_never_sealed_is_told_apart(blob: bytes) -> None:
    with pytest.raises(Unreadable, match="nothing that was sealed"):
        ring_of(new_kek(1, STD)).open(blob)


@pytest.mark.parametrize("text", ['{"a": 1}', "", "abc", "AQAA"])
def test_a_text_that_was_stored_in_the_clear_is_refused_where_it_must_be_sealed(text: str) -> None:
    key, _ = ring_of(new_kek(1, STD)).new_data_key()
    assert not blobs.is_sealed(text)
    with pytest.raises(Unreadable):
        key.unseal(text, place=PLACE, row=ROW)


def test_a_sealed_text_is_told_from_every_json_and_token_by_its_first_character() -> None:
    key, _ = ring_of(new_kek(1, STD)).new_data_key()
    sealed = key.seal("text", place=PLACE, row=ROW)
    assert blobs.is_sealed(sealed)
    assert key.unseal(sealed, place=PLACE, row=ROW) == "text"


# ---- rotation


def test_a_data_key_that_is_wrapped_anew_opens_what_it_sealed_before() -> None:
    old, new = new_kek(1, STD), new_kek(2, SM)
    key, wrapped = ring_of(old).new_data_key()
    blob = key.encrypt(b"x", place=PLACE, row=ROW)
    rewrapped = ring_of(old, new).rewrap(wrapped)
    assert blobs.kid_of(rewrapped) == 2
    assert ring_of(new).open(rewrapped).decrypt(blob, place=PLACE, row=ROW) == b"x"


def test_a_newer_key_is_used_once_one_is_met_that_it_wrapped() -> None:
    old, new = new_kek(1, STD), new_kek(2, STD)
    ring = ring_of(old, new)
    ring.use(1)
    assert blobs.kid_of(ring.new_data_key()[1]) == 1
    ring.open(ring_of(old, new).new_data_key()[1])
    assert blobs.kid_of(ring.new_data_key()[1]) == 2


def test_a_key_that_is_not_at_hand_cannot_be_used() -> None:
    with pytest.raises(MisconfiguredError, match="key-encryption key 2"):
        ring_of(new_kek(1, STD)).use(2)


# ---- what is of no case


@suites
def test_what_is_of_no_case_opens_under_the_key_that_its_blob_names(suite: Suite) -> None:
    old, new = new_kek(1, suite), new_kek(2, STD)
    sealed = ring_of(old).system().seal("whsec_x", place="endpoint.secrets", row=ROW)
    assert ring_of(old, new).unseal(sealed, place="endpoint.secrets", row=ROW) == "whsec_x"
    with pytest.raises(MisconfiguredError):
        ring_of(new).unseal(sealed, place="endpoint.secrets", row=ROW)


# ---- blind index


@suites
def test_a_blind_index_is_the_same_for_the_same_value_and_key_alone(suite: Suite) -> None:
    one, two = new_kek(1, suite), new_kek(2, suite)
    index = ring_of(one).blind_index("11010519491231002X")
    assert len(index) == 16
    assert index == ring_of(one).blind_index("11010519491231002X")
    assert index != ring_of(one).blind_index("110105194912310038")
    assert index != ring_of(two).blind_index("11010519491231002X")


def test_while_keys_change_a_value_is_looked_for_under_each() -> None:
    old, new = new_kek(1, STD), new_kek(2, STD)
    assert ring_of(old).blind_index("x") in ring_of(old, new).blind_indexes("x")
    assert ring_of(new).blind_index("x") in ring_of(old, new).blind_indexes("x")


# ---- without keys


def test_without_a_key_nothing_is_sealed_and_the_way_to_one_is_told() -> None:
    with pytest.raises(MisconfiguredError, match="onenet kek create FILE"):
        NO_KEYS.new_data_key()
