"""Damage: bytes and characters changed at random, from a seeded generator."""

from __future__ import annotations

import re
import struct
from random import Random

INTERESTING = (0, 1, -1, 127, 255, 32767, 65535, 2**31 - 1, -(2**31), 2**32 - 1, 2**62, -(2**63))
NUMBERS = (
    *(
        "nan",
        "inf",
        "-inf",
        "1e400",
        "-0",
        "0",
        "-1",
        "1e-320",
        "999999999999999999999",
        "0x10",
        "1_000",
        "٣",
    ),
    *("2147483648", "1e9", "0.1.2", "--1", "1e", "", "true", "null", "\u2212" + "1"),
)
TOKENS = (
    *(
        "\x00",
        "\n",
        "\r\n",
        "\u2028",
        "\ufeff",
        "\U0001f600",
        "\ud7ff",
        "'",
        '"',
        "`",
        "\\",
        "%s%n",
        "{}",
        "$(id)",
    ),
    *("../../etc/passwd", "<script>alert(1)</script>", "[" * 5000, "{" * 5000, "(" * 3000, "A" * 70000),
    *('{"a":' * 2000, "]]>", "--", "/*", ";", "NULL", "__class__", "__ndarray__", "pbc=", "\t", " " * 1000),
)


def damaged(random: Random, data: bytes, others: list[bytes]) -> bytes:
    """The data with one to four changes; one time in twenty nothing but noise."""
    if random.random() < 0.05:
        keep = random.choice((0, 0, 4, 8, 16, 100))
        return data[:keep] + random.randbytes(random.choice((0, 1, 16, 100, 5000)))
    text = _is_text(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        data = random.choice((*BYTES, *((TEXT * 2) if text else ())))(random, data, others)
    return data


def _is_text(data: bytes) -> bool:
    return b"\x00" not in data[:2000]


def _flip(random: Random, data: bytes, _: list[bytes]) -> bytes:
    if not data:
        return b"\x01"
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]


def _flip_early(random: Random, data: bytes, others: list[bytes]) -> bytes:
    """A bit of the head, where lengths and types stand."""
    head = min(len(data), 512)
    return _flip(random, data[:head], others) + data[head:]


def _flip_late(random: Random, data: bytes, others: list[bytes]) -> bytes:
    """A bit of the tail, where other formats have them."""
    tail = max(0, len(data) - 4096)
    return data[:tail] + _flip(random, data[tail:], others)


def _cut(random: Random, data: bytes, _: list[bytes]) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _delete(random: Random, data: bytes, _: list[bytes]) -> bytes:
    start = random.randrange(len(data) + 1)
    return data[:start] + data[start + random.choice((1, 2, 8, 64, 4096)) :]


def _insert(random: Random, data: bytes, _: list[bytes]) -> bytes:
    place = random.randrange(len(data) + 1)
    return data[:place] + random.randbytes(random.choice((1, 2, 8, 64))) + data[place:]


def _repeat(random: Random, data: bytes, _: list[bytes]) -> bytes:
    start = random.randrange(len(data) + 1)
    piece = data[start : start + random.choice((1, 8, 64, 1024))]
    return data[:start] + piece * random.choice((2, 3, 50)) + data[start:]


def _integer(random: Random, data: bytes, _: list[bytes]) -> bytes:
    size, place = random.choice((1, 2, 4, 8)), random.randrange(len(data) + 1)
    value = random.choice(INTERESTING) % (1 << 8 * size)
    return data[:place] + value.to_bytes(size, random.choice(("little", "big"))) + data[place + size :]


def _float(random: Random, data: bytes, _: list[bytes]) -> bytes:
    place = random.randrange(len(data) // 8 + 1) * 8
    value = random.choice((float("nan"), float("inf"), 1e300, -1e-300, 0.0))
    return data[:place] + struct.pack("<d", value) + data[place + 8 :]


def _zero(random: Random, data: bytes, _: list[bytes]) -> bytes:
    start, size = random.randrange(len(data) + 1), random.choice((1, 16, 512, 4096))
    return data[:start] + bytes(len(data[start : start + size])) + data[start + size :]


def _splice(random: Random, data: bytes, others: list[bytes]) -> bytes:
    other = random.choice(others) if others else data
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def _number(random: Random, data: bytes, _: list[bytes]) -> bytes:
    found = list(re.finditer(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?", data[:20000]))
    if not found:
        return data
    one = random.choice(found)
    return data[: one.start()] + random.choice(NUMBERS).encode() + data[one.end() :]


def _word(random: Random, data: bytes, _: list[bytes]) -> bytes:
    found = list(re.finditer(rb"[A-Za-z_]+", data[:20000]))
    if not found:
        return data
    one, other = random.choice(found), random.choice(found)[0]
    return data[: one.start()] + random.choice((other, b"", one[0].upper(), b"x")) + data[one.end() :]


def _token(random: Random, data: bytes, _: list[bytes]) -> bytes:
    place = random.randrange(len(data) + 1)
    return data[:place] + random.choice(TOKENS).encode("utf-8", "surrogatepass") + data[place:]


def _line(random: Random, data: bytes, _: list[bytes]) -> bytes:
    lines = data.split(b"\n")
    place = random.randrange(len(lines))
    lines[place : place + 1] = random.choice(([], [lines[place]] * 2, [random.choice(lines)], [b""]))
    return b"\n".join(lines)


BYTES = (
    *(_flip, _flip, _flip_early, _flip_late, _cut, _delete, _insert, _repeat),
    *(_integer, _float, _zero, _splice),
)
TEXT = (_number, _word, _token, _line)


def text(random: Random, seed: str, others: list[str]) -> str:
    """A text entry: a seed changed, or characters at random."""
    if random.random() < 0.1:
        kinds = (range(32, 127), range(256), range(0x2000, 0x2070), range(0x1F600, 0x1F650))
        kind = random.choice(kinds)
        return "".join(chr(random.choice(kind)) for _ in range(random.choice((0, 1, 5, 40, 300))))
    data = seed.encode()
    for _ in range(random.choice((1, 1, 2, 4))):
        data = random.choice(TEXT + BYTES[:1] + BYTES[4:8] + (_splice,))(
            random, data, [o.encode() for o in others]
        )
    return data.decode(errors="replace")
