"""Browsers, in the few words by which a person knows their own again."""

from __future__ import annotations

import pytest

from onenet.console.browsers import words_of

BLINK = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19.0 Safari/604"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (f"Mozilla/5.0 (X11; Linux x86_64) {BLINK}", "Chrome, Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK} Edg/156.0", "Edge, Windows"),
        (f"Mozilla/5.0 (Linux; Android 16) {BLINK}", "Chrome, Android"),
        (IPHONE, "Safari, iPhone"),
        (f"{IPHONE} MicroMessenger/8.0", "WeChat, iPhone"),
        ("curl/8 <script>", ""),
    ],
)
def test_a_browser_is_called_by_what_people_call_it(said: str, words: str) -> None:
    assert words_of(said) == words
