"""Tree: the Merkle tree over sealed events, as RFC 9162 has it (leaves 0x00, nodes 0x01, SHA-256).

Kept in tiles of 256 hashes, the shape of C2SP tlog-tiles: tile `number` of level 0 holds the hashes of leaves
256 n to 256 n + 255, a tile of the next level those of 256 full tiles. So a leaf is appended by touching the
tiles at the right edge, and a proof reads one tile or two of each level, however many leaves there are.
Source: RFC 9162 section 2.1; security.md section 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from hashlib import sha256

HASH_BYTES = 32
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT

EMPTY_ROOT = sha256(b"").digest()

Range = tuple[int, int]
"""Leaves from the first number up to, not including, the second."""

Tiles = Mapping[tuple[int, int], bytes]
"""Level and number -> the hashes in the tile, one after the other."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two neighbours."""
    return sha256(b"\1" + left + right).digest()


# ---- appending


class Edge:
    """The right edge of a tree: the roots of its complete subtrees, the largest first.

    Enough to append leaves and to tell the root; `hashes` has one for each bit of `size`.
    """

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()):
        """Of a tree of this size."""
        self.size = size
        self.hashes = list(hashes)

    def append(self, hashed: bytes) -> None:
        """One more leaf, given as its hash."""
        merging = self.size
        while merging & 1:
            hashed = sha256(b"\1" + self.hashes.pop() + hashed).digest()
            merging >>= 1
        self.hashes.append(hashed)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        if not self.hashes:
            return EMPTY_ROOT
        return _folded(self.hashes)


def _folded(hashes: Sequence[bytes]) -> bytes:
    """The root over neighbouring complete subtrees, the largest first."""
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def edge_of(size: int, tiles: Tiles) -> Edge:
    """The right edge, out of the tiles. Raises: KeyError."""
    return Edge(size, [_subtree(tiles, *each) for each in _complete(0, size)])


def tiles_at_edge(size: int) -> list[tuple[int, int]]:
    """The tiles that the next leaf is written to or hashed with."""
    found, level = [], 0
    while size:
        if size % TILE_WIDTH:
            found.append((level, size // TILE_WIDTH))
        size //= TILE_WIDTH
        level += 1
    return found


def extend(size: int, tiles: MutableMapping[tuple[int, int], bytes], hashes: Iterable[bytes]) -> Edge:
    """Appends leaves, given as their hashes: to the tiles at the edge, and to new ones. Gives the edge."""
    edge = edge_of(size, tiles)
    for hashed in hashes:
        _put(tiles, 0, edge.size, hashed)
        edge.append(hashed)
    return edge


def _put(tiles: MutableMapping[tuple[int, int], bytes], level: int, index: int, hashed: bytes) -> None:
    number, place = divmod(index, TILE_WIDTH)
    tile = tiles[level, number] = tiles.get((level, number), b"") + hashed
    if place == TILE_WIDTH - 1:
        _put(tiles, level + 1, number, _perfect(tile))


def _perfect(hashes: bytes) -> bytes:
    """The root over 1, 2, 4 ... hashes."""
    row = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    while len(row) > 1:
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


# ---- proofs


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """What the proof for a leaf is made of: the ranges whose roots it is hashed with, from the leaf up.

    Source: RFC 9162 section 2.1.3.1.
    """
    first, end, ranges = 0, size, []
    while end - first > 1:
        middle = first + _split(end - first)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((first, middle))
            first = middle
    return ranges[::-1]


def consistency_ranges(old: int, size: int) -> list[Range]:
    """What proves that the first `old` leaves (1 or more) are those of the smaller tree.

    Source: RFC 9162 section 2.1.4.1.
    """
    first, end, ranges, is_whole = 0, size, [], True
    while old != end:
        middle = first + _split(end - first)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((first, middle))
            first, is_whole = middle, False
    if not is_whole:
        ranges.append((first, end))
    return ranges[::-1]


def _split(width: int) -> int:
    """The largest power of two below the width."""
    return 1 << (width - 1).bit_length() - 1


def _complete(first: int, end: int) -> Iterator[tuple[int, int]]:
    """The complete subtrees of a range that begins where one may: (height, number), the largest first."""
    while first < end:
        width = end - first
        height = width.bit_length() - 1
        yield height, first >> height
        first += 1 << height


def tiles_for(ranges: Iterable[Range]) -> set[tuple[int, int]]:
    """The tiles that hold what these ranges need."""
    return {_tile(height, number) for each in ranges for height, number in _complete(*each)}


def _tile(height: int, number: int) -> tuple[int, int]:
    level, above = divmod(height, TILE_HEIGHT)
    return level, (number << above) // TILE_WIDTH


def _subtree(tiles: Tiles, height: int, number: int) -> bytes:
    """The root of a complete subtree. Raises: KeyError."""
    level, above = divmod(height, TILE_HEIGHT)
    place = (number << above) % TILE_WIDTH
    hashes = tiles[_tile(height, number)][place * HASH_BYTES : (place + (1 << above)) * HASH_BYTES]
    if len(hashes) != HASH_BYTES << above:
        raise KeyError((level, number))
    return _perfect(hashes)


def roots(ranges: Iterable[Range], tiles: Tiles) -> list[bytes]:
    """The roots over these ranges: with `inclusion_ranges` or `consistency_ranges`, the proof.

    Raises: KeyError when a tile is missing or too short.
    """
    return [_folded([_subtree(tiles, *each) for each in _complete(*range_)]) for range_ in ranges]


# ---- what whoever holds a proof does


def root_from_inclusion(hashed: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that a leaf and its proof lead to; None when no tree of that size has such a proof.

    Source: RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    at, last = index, size - 1
    for sibling in proof:
        if last == 0:
            return None
        if at & 1 or at == last:
            hashed = node_hash(sibling, hashed)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            hashed = node_hash(hashed, sibling)
        at, last = at >> 1, last >> 1
    return hashed if last == 0 else None


def is_consistent(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of `size` begins with the tree of `old` leaves. Source: RFC 9162 section 2.1.4.2."""
    if old == size:
        return not proof and old_root == root
    if not 0 < old < size or not proof:
        return False
    steps = list(proof) if old & (old - 1) else [old_root, *proof]
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    small = large = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            small, large = node_hash(sibling, small), node_hash(sibling, large)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            large = node_hash(large, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and small == old_root and large == root
