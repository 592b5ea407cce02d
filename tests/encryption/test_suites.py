"""The suites: vectors of others, and what no suite may let through."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag

from onenet.encryption.suites import BY_NAME, BY_NUMBER, SM, STD, Suite

# RFC 8998, appendix A.1
IV = bytes.fromhex("00001234567800000000ABCD")
KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
AAD = bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2")
PLAIN = bytes.fromhex("".join(character * 16 for character in "ABCDEFEA"))
SEALED = bytes.fromhex(
    "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735"
    "D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
    "83DE3541E4C2B58177E065A9BF7B62EC"
)


def test_sm4_gcm_gives_the_ciphertext_and_tag_of_rfc_8998() -> None:
    assert SM.cipher(KEY).encrypt(IV, PLAIN, AAD) == SEALED


def test_sm4_gcm_opens_the_ciphertext_of_rfc_8998() -> None:
    assert SM.cipher(KEY).decrypt(IV, SEALED, AAD) == PLAIN


@pytest.mark.parametrize("length", [0, 8, 15])
def test_sm4_gcm_refuses_what_is_shorter_than_a_tag(length: int) -> None:
    with pytest.raises(InvalidTag):
        SM.cipher(KEY).decrypt(IV, bytes(length), AAD)


@pytest.mark.parametrize("suite", BY_NAME.values(), ids=BY_NAME)
def test_each_suite_refuses_a_changed_byte_wherever_it_is(suite: Suite) -> None:
    cipher = suite.cipher(bytes(suite.key_bytes))
    sealed = bytearray(cipher.encrypt(IV, b"some text", AAD))
    for place in range(len(sealed)):
        altered = bytes(sealed[:place]) + bytes([sealed[place] ^ 1]) + bytes(sealed[place + 1 :])
        with pytest.raises(InvalidTag):
            cipher.decrypt(IV, altered, AAD)


@pytest.mark.parametrize("suite", BY_NAME.values(), ids=BY_NAME)
def test_a_derived_key_depends_on_its_purpose(suite: Suite) -> None:
    key = bytes(suite.key_bytes)
    assert suite.derived(key, "one") == suite.derived(key, "one") != suite.derived(key, "other")
    assert len(suite.derived(key, "one")) == suite.key_bytes


def test_the_numbers_of_suites_stay_what_they_are_for_ever() -> None:
    assert BY_NUMBER == {1: STD, 2: SM}
