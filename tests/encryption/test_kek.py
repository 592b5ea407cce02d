"""A file of key-encryption keys: read strictly, and never shown."""

from __future__ import annotations

from base64 import b64encode

import pytest

from onenet.encryption.kek import FileKeys, new_kek, read_keks
from onenet.encryption.suites import SM, STD
from onenet.errors import MisconfiguredError

STD_KEY, SM_KEY = b64encode(bytes(32)).decode(), b64encode(bytes(16)).decode()


def test_what_was_written_is_read() -> None:
    kek, later = new_kek(1, STD), new_kek(2, SM)
    text = FileKeys({1: kek}).text(later)
    assert read_keks(f"# ours\n\n{text}") == {1: kek, 2: later}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "found none"),
        ("# only a remark", "found none"),
        (STD_KEY, "line 1: expected kid:suite:base64"),
        (f"x:std:{STD_KEY}", "line 1: expected a number from 1 to 65535"),
        (f"0:std:{STD_KEY}", "line 1: expected a number from 1 to 65535"),
        (f"65536:std:{STD_KEY}", "line 1: expected a number from 1 to 65535"),
        (f"١:std:{STD_KEY}", "line 1: expected a number from 1 to 65535"),
        (f"1:aes:{STD_KEY}", "line 1: expected a suite, one of std, sm"),
        ("1:std:***", "line 1: expected base64"),
        (f"1:std:{SM_KEY}", "line 1: expected a key of 32 bytes, not 16"),
        (f"1:sm:{STD_KEY}", "line 1: expected a key of 16 bytes, not 32"),
        (f"1:std:{STD_KEY}\n1:sm:{SM_KEY}", "line 2: there is a key 1 already"),
    ],
)
def test_a_wrong_line_is_named_and_not_shown(text: str, said: str) -> None:
    with pytest.raises(MisconfiguredError, match=said) as refused:
        read_keks(text)
    assert STD_KEY not in str(refused.value)


def test_a_key_that_is_printed_does_not_show_itself() -> None:
    kek = new_kek(1, STD)
    assert repr(kek) == "Kek(1, std)"
