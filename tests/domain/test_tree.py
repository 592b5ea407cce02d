"""The tree: RFC 9162, against the vectors of Certificate Transparency and against its own definition."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onenet.domain import tree

# The eight leaves, and the roots over the first 1 to 8 of them, that implementations of Certificate
# Transparency are tested with.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def mth(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1, word by word, over hashes of leaves."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def numbered(size: int) -> list[bytes]:
    return [tree.leaf_hash(number.to_bytes(4, "big")) for number in range(size)]


def tiles_of(hashes: list[bytes]) -> dict[tuple[int, int], bytes]:
    tiles: dict[tuple[int, int], bytes] = {}
    tree.extend(0, tiles, hashes)
    return tiles


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    tiles: dict[tuple[int, int], bytes] = {}
    edge = tree.extend(0, tiles, map(tree.leaf_hash, LEAVES[:size]))
    assert edge.root().hex() == ROOTS[size - 1]
    assert edge.size == size


def test_the_root_over_nothing_is_the_hash_of_nothing() -> None:
    assert tree.Edge().root() == mth([])


@given(st.integers(1, 700), st.data())
@settings(max_examples=60, deadline=None)
def test_a_tree_appended_to_in_parts_is_the_tree_of_the_definition(size: int, data: st.DataObject) -> None:
    """Only the tiles at the edge are handed on from part to part."""
    hashes = numbered(size)
    cut = data.draw(st.integers(0, size))
    kept = tiles_of(hashes[:cut])
    at_edge = {key: kept[key] for key in tree.tiles_at_edge(cut)}
    edge = tree.extend(cut, at_edge, hashes[cut:])
    assert edge.root() == mth(hashes)
    assert kept | at_edge == tiles_of(hashes)


@given(st.integers(1, 700), st.data())
@settings(max_examples=60, deadline=None)
def test_each_leaf_is_proved_by_its_proof_and_by_no_other(size: int, data: st.DataObject) -> None:
    hashes = numbered(size)
    index = data.draw(st.integers(0, size - 1))
    ranges = tree.inclusion_ranges(index, size)
    tiles = tiles_of(hashes)
    needed = {key: tiles[key] for key in tree.tiles_for(ranges)}
    proof = tree.roots(ranges, needed)
    root = mth(hashes)
    assert tree.root_from_inclusion(hashes[index], index, size, proof) == root
    assert len(proof) <= max(size - 1, 0).bit_length()
    assert tree.root_from_inclusion(tree.leaf_hash(b"another"), index, size, proof) != root
    assert tree.root_from_inclusion(hashes[index], index, size, [*proof, root]) is None
    for place in range(len(proof)):
        wrong = [*proof[:place], bytes(32), *proof[place + 1 :]]
        assert tree.root_from_inclusion(hashes[index], index, size, wrong) != root
    assert tree.root_from_inclusion(hashes[index], size, size, proof) is None


@given(st.integers(1, 600), st.data())
@settings(max_examples=60, deadline=None)
def test_a_tree_is_consistent_with_its_beginnings_and_with_no_other_tree(
    size: int, data: st.DataObject
) -> None:
    hashes = numbered(size)
    old = data.draw(st.integers(1, size))
    ranges = tree.consistency_ranges(old, size)
    tiles = tiles_of(hashes)
    proof = tree.roots(ranges, {key: tiles[key] for key in tree.tiles_for(ranges)})
    old_root, root = mth(hashes[:old]), mth(hashes)
    assert tree.is_consistent(old, old_root, size, root, proof)
    assert not tree.is_consistent(old, bytes(32), size, root, proof)
    assert not tree.is_consistent(old, old_root, size, bytes(32), proof)
    assert not tree.is_consistent(old, old_root, size, root, [*proof, root])


def test_a_proof_for_a_million_leaves_reads_a_handful_of_tiles() -> None:
    assert len(tree.tiles_for(tree.inclusion_ranges(123_456, 1_000_000))) <= 8


def test_a_tile_that_is_cut_short_is_no_ground_for_a_proof() -> None:
    tiles = tiles_of(numbered(300))
    tiles[0, 0] = tiles[0, 0][:-32]
    ranges = tree.inclusion_ranges(299, 300)
    with pytest.raises(KeyError):
        tree.roots(ranges, {(0, 0): tiles[0, 0], (0, 1): tiles[0, 1]})
