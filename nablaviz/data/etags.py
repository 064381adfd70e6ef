"""ETags of S3-like object stores: the MD5 of the content, or of the MD5s of the parts it was uploaded in.

A file uploaded whole has the ETag ``md5(content)``. One uploaded in n parts has ``md5(md5(part 1) + … +
md5(part n))-n``; the size of the parts is not said, but n and the size of the file leave few sizes
that upload programs use.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MIB = 1 << 20
USUAL_PART = 8 * MIB
"""Part size that most upload programs begin with; they double it where more than 10,000 would be needed."""

MOST_PART_SIZES = 16
"""How many part sizes are tried: each means to read the file once."""

_ETAG = re.compile(r"([0-9a-f]{32})(?:-([1-9][0-9]{0,4}))?")


def is_hash(etag: str) -> bool:
    """Whether this is an ETag made from the content (a server may use any other text)."""
    return _ETAG.fullmatch(etag) is not None


def parts(etag: str) -> int | None:
    """In how many parts the file was uploaded; ``None`` if whole (or not told)."""
    found = _ETAG.fullmatch(etag)
    return int(found[2]) if found and found[2] else None


def part_sizes(size: int, count: int) -> list[int]:
    """The part sizes, bytes, which cut ``size`` bytes into ``count`` parts; the likeliest first.

    Whole MiB, and of those the doublings of 8 MiB before the others, at most ``MOST_PART_SIZES``.
    """
    if count == 1:
        return [max(size, 1)]
    smallest, limit = -(-size // count), -(-size // (count - 1))  # smallest <= part size < limit
    whole = range(-(-smallest // MIB), -(-limit // MIB))
    usual = [USUAL_PART << k for k in range(30) if USUAL_PART << k in range(smallest, limit)]
    others = (n * MIB for n in whole[:MOST_PART_SIZES])
    return list(dict.fromkeys([*usual, *others]))[:MOST_PART_SIZES]


def matches(path: Path, etag: str) -> bool:
    """Whether the content of a file has this ETag, by any of the plausible part sizes.

    ``False`` for an ETag in parts can also mean that they had another size.

    Raises
    ------
    ValueError
        If the ETag is not made from content.
    """
    if not is_hash(etag):
        raise ValueError(f"ETag {etag!r} is not an MD5 of the content or of its parts")
    count = parts(etag)
    if count is None:
        return _md5(path).hexdigest() == etag
    return any(
        f"{_md5_of_parts(path, size)}-{count}" == etag for size in part_sizes(path.stat().st_size, count)
    )


def _md5(path: Path) -> hashlib._Hash:
    with path.open("rb") as file:
        return hashlib.file_digest(file, _new_md5)


def _md5_of_parts(path: Path, size: int) -> str:
    with path.open("rb") as file:
        return _new_md5(b"".join(_part_digests(file, size))).hexdigest()


def _part_digests(file: BinaryIO, size: int) -> Iterator[bytes]:
    left, digest = size, _new_md5()
    while chunk := file.read(min(MIB, left)):
        digest.update(chunk)
        left -= len(chunk)
        if not left:
            yield digest.digest()
            left, digest = size, _new_md5()
    if left < size:
        yield digest.digest()


def _new_md5(data: bytes = b"") -> hashlib._Hash:
    return hashlib.md5(data, usedforsecurity=False)
