"""Objects, seals and spools: whole or not there, and nothing that was tampered with opens."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from obstore.store import LocalStore, MemoryStore

from onenet.encryption import DataKey, Unreadable
from onenet.errors import MisconfiguredError, Unavailable
from onenet.store import sealed
from onenet.store.objects import Folder, Objects
from onenet.store.objects_s3 import Bucket
from onenet.store.spool import CHUNK, Spool
from tests.documents.vaults import RING

CONTENT = random.Random(1).randbytes(3 * sealed.CHUNK + 100)


@pytest.fixture(params=["folder", "bucket in memory", "bucket in a folder"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    match request.param:
        case "folder":
            return Folder(tmp_path)
        case "bucket in memory":
            return Bucket(MemoryStore())
        case _:
            return Bucket(LocalStore(tmp_path))


def test_an_object_is_read_as_it_was_written_and_gone_when_removed(objects: Objects) -> None:
    blocks = [random.Random(n).randbytes(700_000) for n in range(10)]
    objects.put("a/b", blocks)
    assert b"".join(objects.read("a/b")) == b"".join(blocks)
    objects.remove("a/b")
    objects.remove("a/b")
    with pytest.raises(LookupError):
        list(objects.read("a/b"))


def test_a_prefix_is_removed_and_its_neighbour_stays(objects: Objects) -> None:
    for name in ("in/1/a", "in/1/b", "in/12/c"):
        objects.put(name, [b"x"])
    objects.remove_below("in/1")
    assert b"".join(objects.read("in/12/c")) == b"x"
    for name in ("in/1/a", "in/1/b"):
        with pytest.raises(LookupError):
            list(objects.read(name))


def test_what_breaks_off_while_it_is_written_is_not_there(objects: Objects) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x" * 6_000_000
        raise ConnectionError

    with pytest.raises((ConnectionError, Unavailable, RuntimeError)):
        objects.put("a/b", broken())
    with pytest.raises(LookupError):
        list(objects.read("a/b"))


def test_a_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    root = tmp_path / "documents"
    Folder(root).put("ab/c", [b"x"])
    assert {path.stat().st_mode & 0o077 for path in (root, *root.rglob("*")) if path.is_dir()} == {0}


def test_a_bucket_without_an_address_is_refused_in_a_sentence() -> None:
    with pytest.raises(MisconfiguredError, match="ONENET_DOCUMENTS_URL"):
        Bucket.at("http:/nowhere", {})


# ---- seals


@pytest.fixture(scope="module")
def key() -> DataKey:
    return RING.new_data_key()[0]


def frames_of(blob: bytes) -> list[bytes]:
    found = []
    while blob:
        length = 4 + int.from_bytes(blob[:4], "big")
        found.append(blob[:length])
        blob = blob[length:]
    return found


@pytest.mark.parametrize("size", [0, 1, sealed.CHUNK - 1, sealed.CHUNK, sealed.CHUNK + 1, 2 * sealed.CHUNK])
def test_what_was_sealed_opens(key: DataKey, size: int) -> None:
    blocks = [CONTENT[:size][at : at + 1_000] for at in range(0, size, 1_000)]
    made = b"".join(sealed.seal(key, "d", blocks))
    assert (
        b"".join(sealed.unseal(key, "d", [made[at : at + 777] for at in range(0, len(made), 777)]))
        == CONTENT[:size]
    )


TAMPERED: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "the last chunk is gone": lambda frames: frames[:-1],
    "the first chunk is gone": lambda frames: frames[1:],
    "a chunk in the middle is gone": lambda frames: [frames[0], *frames[2:]],
    "two chunks are exchanged": lambda frames: [frames[1], frames[0], *frames[2:]],
    "a chunk comes twice": lambda frames: [frames[0], *frames],
    "the last chunk comes twice": lambda frames: [*frames, frames[-1]],
    "a bit is another": lambda frames: [
        frames[0][:50] + bytes([frames[0][50] ^ 1]) + frames[0][51:],
        *frames[1:],
    ],
    "the end is cut off": lambda frames: [*frames[:-1], frames[-1][:-1]],
    "there is nothing": lambda frames: [],
    "it is something else": lambda frames: [b"%PDF-1.7 and so on"],
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_tampered_with_does_not_open(key: DataKey, what: str) -> None:
    frames = frames_of(b"".join(sealed.seal(key, "d", [CONTENT])))
    with pytest.raises(Unreadable):
        b"".join(sealed.unseal(key, "d", TAMPERED[what](frames)))


def test_a_document_does_not_open_as_another_one(key: DataKey) -> None:
    with pytest.raises(Unreadable):
        b"".join(sealed.unseal(key, uuid4(), sealed.seal(key, UUID(int=1), [CONTENT])))


# ---- spools


def test_a_spool_is_read_anywhere_and_lies_nowhere(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        for at in range(0, len(CONTENT), 999):
            spool.write(CONTENT[at : at + 999])
        spool.end()
        assert spool.size == len(CONTENT)
        assert b"".join(spool.blocks()) == CONTENT
        chance = random.Random(2)
        for _ in range(200):
            offset, length = chance.randrange(len(CONTENT) + 10), chance.randrange(2 * CHUNK)
            assert spool.read(offset, length) == CONTENT[offset : offset + length]
        assert list(tmp_path.iterdir()) == []


def test_no_plain_byte_of_a_spool_is_on_disk(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.write(b"110101199003070000" * 10_000)
        spool.end()
        spool._file.seek(0)
        assert b"110101199003070000" not in spool._file.read()
