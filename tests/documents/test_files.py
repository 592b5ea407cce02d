"""Files: every hostile one is refused with its reason, soon and in little memory; every honest one passes."""

from __future__ import annotations

import contextlib
import struct
import time
import tracemalloc

import pytest

from onenet.domain.files import kinds
from onenet.domain.files.reasons import REASONS
from onenet.domain.files.source import InMemory, blocks
from onenet.errors import DocumentRefused
from tests.documents import making
from tests.documents.corpus import GOOD, HOSTILE, JPEG, PNG, Made

MOST_S = 0.1
MOST_BYTES = 4_000_000


def kept_of(made: Made) -> bytes:
    source = InMemory(made.make())
    return b"".join(blocks(source, kinds.check(source, media_type=made.media_type, filename=made.name)))


@pytest.mark.parametrize("which", HOSTILE)
def test_a_hostile_file_is_refused_with_its_reason(which: str) -> None:
    with pytest.raises(DocumentRefused) as refusal:
        kept_of(HOSTILE[which])
    (fault,) = refusal.value.faults
    assert (fault.code, (fault.message_zh, fault.message_en)) == (HOSTILE[which].reason, REASONS[fault.code])


@pytest.mark.parametrize("which", GOOD)
def test_an_honest_file_passes(which: str) -> None:
    assert kept_of(GOOD[which])


def test_the_corpus_has_a_file_for_every_reason() -> None:
    assert {made.reason for made in HOSTILE.values()} == set(REASONS)


def test_every_verdict_takes_little_time_and_memory() -> None:
    """The time is this thread's own on the processor, the best of three: others may be at work beside it."""
    slow, large = {}, {}
    for which, made in {**HOSTILE, **GOOD}.items():
        source = InMemory(made.make())

        def judge(made: Made = made, source: InMemory = source) -> float:
            begun = time.thread_time()
            with contextlib.suppress(DocumentRefused):
                kinds.check(source, media_type=made.media_type, filename=made.name)
            return time.thread_time() - begun

        if (took_s := min(judge() for _ in range(3))) > MOST_S and made.reason:
            slow[which] = took_s
        tracemalloc.start()
        judge()
        if (peak := tracemalloc.get_traced_memory()[1]) > MOST_BYTES:
            large[which] = peak
        tracemalloc.stop()
    assert (slow, large) == ({}, {})


def test_a_picture_keeps_which_way_is_up_and_loses_where_it_was_taken() -> None:
    kept = kept_of(Made(lambda: making.jpeg(making.exif(6)), JPEG))
    assert b"GPS" not in kept
    at = kept.index(b"Exif\0\0")
    assert struct.unpack(">H", kept[at + 24 : at + 26]) == (6,)
    assert kept_of(Made(lambda: kept, JPEG)) == kept


def test_a_picture_loses_what_follows_its_end() -> None:
    assert kept_of(Made(lambda: making.jpeg(after=b"SEFH" + bytes(40)), JPEG)) == making.jpeg()
    assert kept_of(Made(lambda: making.png(after=b"more"), PNG)) == making.png()


def test_words_in_a_picture_are_left_out() -> None:
    told = making.png(2, 2, making.chunk(b"tEXt", b"Author\0x"), making.chunk(b"eXIf", b"II*\0"))
    assert kept_of(Made(lambda: told, PNG)) == making.png()


def test_a_directory_may_not_be_larger_than_its_cap() -> None:
    """One long name after another would otherwise be read whole."""
    names = [making.Packed("n" * 60_000 + str(n), method=0) for n in range(20)]
    with pytest.raises(DocumentRefused, match="too_complex"):
        kept_of(Made(lambda: making.ofd(*names), "application/ofd"))


def test_ranges_that_overlap_by_one_byte_are_found() -> None:
    honest = making.ofd(making.Packed("a.bmp", b"x" * 50, method=0))
    at = honest.index(b"a.bmp") - 30
    lying = honest[: at + 18] + struct.pack("<II", 51, 51) + honest[at + 26 :]
    directory = lying.rindex(b"PK\x01\x02")
    lying = lying[: directory + 20] + struct.pack("<II", 51, 51) + lying[directory + 28 :]
    with pytest.raises(DocumentRefused, match="zip_overlap"):
        kept_of(Made(lambda: lying, "application/ofd"))
