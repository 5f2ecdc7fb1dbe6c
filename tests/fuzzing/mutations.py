"""Structure-aware mutation of valid examples, by an explicit `random.Random`: the same seed, the same
inputs.

A shape knows how its bytes are made: it changes a part and puts the rest together again (lengths,
frames, sorted keys), so that a change reaches what lies behind the outermost check.
"""

import base64
import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

import cbor2

Rng = random.Random
Shape = Callable[[Rng, bytes, Sequence[bytes]], bytes]
"""(random, one example, all examples) -> a mutant."""

NUMBERS = (
    0,
    1,
    -1,
    2,
    7,
    8,
    63,
    64,
    127,
    128,
    255,
    256,
    1 << 15,
    (1 << 16) - 1,
    1 << 16,
    1 << 24,
    (1 << 31) - 1,
)
WIDE_NUMBERS = (
    *NUMBERS,
    1 << 31,
    (1 << 32) - 1,
    (1 << 53) - 1,
    1 << 53,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
)
TEXTS = (
    "",
    "\0",
    "a\0b",
    "é",
    "e\u0301",
    "\ud800",
    "\u202e",
    "\x1b[2J",
    "a" * 65,
    "A" * 300,
    "../../etc/passwd",
    "-1",
    "1e999",
    "NaN",
    "0x10",
    " ",
    "\n",
    "true",
    "null",
    "%s%n",
    "0" * 96,
    "f" * 96,
    "{}",
    "[]",
    '"',
    "urn:confide:party:x",
    "=" * 4,
)
TOKENS = (
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"\n",
    b"\r",
    b",",
    b"\t",
    b'"',
    b'""',
    b"'",
    b"[",
    b"]",
    b"{",
    b"}",
    b"=",
    b"[[x]]",
    b"nan",
    b"inf",
    b"1e999",
    b"0x1",
    b"-0",
    b"9" * 30,
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"#",
    b"\\",
    b"\\u0000",
    b"-----BEGIN CERTIFICATE-----\n",
    b"-----END CERTIFICATE-----\n",
    b"ARROW1",
    b"PAR1",
    b"\xff\xff\xff\xff",
)
_DIGITS = re.compile(rb"[0-9]+")


def any_bytes(rng: Rng, data: bytes, others: Sequence[bytes]) -> bytes:
    """One to four small changes that know nothing of the format."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        rng.choice(_BYTE_CHANGES)(rng, changed, others)
    return bytes(changed)


def _place(rng: Rng, data: bytearray) -> int:
    return rng.randrange(len(data) + 1)


def _flip(rng: Rng, data: bytearray, others: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set(rng: Rng, data: bytearray, others: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.randrange(256)


def _insert(rng: Rng, data: bytearray, others: Sequence[bytes]) -> None:
    at = _place(rng, data)
    data[at:at] = rng.choice(TOKENS) if rng.random() < 0.5 else rng.randbytes(rng.randrange(1, 9))


def _delete(rng: Rng, data: bytearray, others: Sequence[bytes]) -> None:
    at = _place(rng, data)
    del data[at : at + rng.choice((1, 1, 2, 4, 8, 32, 256))]


def _cut(rng: Rng, data: bytearray, others: Sequence[bytes]) -> None:
    del data[_place(rng, data) :]


def _repeat(rng: Rng, data: bytearray, others: Sequence[bytes]) -> None:
    at = _place(rng, data)
    data[at:at] = data[at : at + rng.choice((1, 4, 16, 64, 512))]


def _splice(rng: Rng, data: bytearray, others: Sequence[bytes]) -> None:
    other = rng.choice(others)
    start = rng.randrange(len(other) + 1)
    at = _place(rng, data)
    length = rng.choice((4, 16, 64, 1024))
    data[at : at + rng.choice((0, length))] = other[start : start + length]


def _integer(rng: Rng, data: bytearray, others: Sequence[bytes]) -> None:
    """A field of 1 to 8 bytes, as a length would be: another number, or one a little off."""
    width, order = rng.choice((1, 2, 4, 8)), rng.choice(("little", "big"))
    if len(data) < width:
        return
    at = rng.randrange(len(data) - width + 1)
    value = int.from_bytes(data[at : at + width], order)
    value = value + rng.choice((-8, -2, -1, 1, 2, 8)) if rng.random() < 0.5 else rng.choice(WIDE_NUMBERS)
    data[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, order)


def _decimal(rng: Rng, data: bytearray, others: Sequence[bytes]) -> None:
    found = list(_DIGITS.finditer(bytes(data[:4096])))
    if found:
        span = rng.choice(found).span()
        data[slice(*span)] = str(rng.choice(WIDE_NUMBERS)).encode()


_BYTE_CHANGES = (_flip, _set, _insert, _delete, _cut, _repeat, _splice, _integer, _integer, _decimal)


# --- trees: JSON and CBOR --------------------------------------------------------------------------------


def change_tree(rng: Rng, tree: Any, leaf: Callable[[Rng, Any], Any]) -> Any:
    """One node of a decoded document is removed, doubled, renamed, moved, or given another value."""
    holder: list[Any] = [tree]
    place: Any = holder
    key: Any = 0
    while isinstance(place[key], dict | list) and place[key] and rng.random() < 0.8:
        place = place[key]
        key = rng.choice(sorted(place, key=str)) if isinstance(place, dict) else rng.randrange(len(place))
    _change_node(rng, place, key, leaf)
    return holder[0]


def _change_node(rng: Rng, place: Any, key: Any, leaf: Callable[[Rng, Any], Any]) -> None:
    change = rng.randrange(8)
    if change == 0 and isinstance(place, dict):
        del place[key]
    elif change == 1 and isinstance(place, dict):
        place[_changed_text(rng, str(key) or "x")] = place[key]
    elif change == 2 and isinstance(place, list):
        place.insert(key, place[key])
    elif change == 3 and isinstance(place, list) and len(place) > 1:
        del place[key]
    elif change == 4:
        place[key] = _nested(rng, place[key])
    else:
        place[key] = leaf(rng, place[key])


def _nested(rng: Rng, value: Any) -> Any:
    for _ in range(rng.choice((1, 2, 40, 200))):
        value = [value] if rng.random() < 0.5 else {"x": value}
    return value


def _json_leaf(rng: Rng, value: Any) -> Any:
    choice = rng.randrange(7)
    if choice == 0:
        return rng.choice(TEXTS)
    if choice == 1:
        return rng.choice((*WIDE_NUMBERS, -(1 << 63), 1 << 70, 0.5, -0.0, 1e308, 5e-324, 0.1))
    if choice == 2:
        return rng.choice((None, True, False, [], {}, [None], {"x": 1}))
    if choice == 3 and isinstance(value, int) and not isinstance(value, bool):
        return value + rng.choice((-1, 1, -256, 256))
    if isinstance(value, str) and value:
        return _changed_text(rng, value)
    return base64.b64encode(rng.randbytes(rng.choice((0, 1, 31, 32, 33, 48, 96)))).decode()


def _changed_text(rng: Rng, value: str) -> str:
    at = rng.randrange(len(value))
    if rng.random() < 0.3:
        return value[:at]
    if rng.random() < 0.5:
        return value[:at] + rng.choice("0aAzZ=+/-._ \n\0é") + value[at + 1 :]
    return value[:at] + rng.choice(TEXTS) + value[at:]


def canonical_json(document: Any) -> bytes:
    """As RFC 8785 for the common case: sorted keys, no spaces; lone surrogates stay what they are."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def json_tree(rng: Rng, data: bytes, others: Sequence[bytes]) -> bytes:
    """A changed document in canonical spelling; now and then in another one."""
    tree = change_tree(rng, json.loads(data), _json_leaf)
    if rng.random() < 0.05:
        return json.dumps(tree, indent=rng.choice((None, 1)), sort_keys=False).encode(
            "utf-8", "surrogatepass"
        )
    return canonical_json(tree)


def _cbor_leaf(rng: Rng, value: Any) -> Any:
    if isinstance(value, bytes):
        return any_bytes(rng, value, (value,))
    return rng.choice(
        (None, True, 0, -1, 1 << 64, b"", b"x" * 33, "text", 1.5, float("nan"), [], {}, cbor2.CBORTag(1, 0))
    )


def cbor_tree(rng: Rng, data: bytes, others: Sequence[bytes]) -> bytes:
    """A changed CBOR item, tag and all, in canonical spelling or not."""
    tree = cbor2.loads(data)
    if isinstance(tree, cbor2.CBORTag):
        tag = rng.choice((tree.tag, tree.tag, tree.tag, 0, 1, 2, 24, 258, 60001))
        tree = cbor2.CBORTag(tag, change_tree(rng, list(tree.value), _cbor_leaf))
    else:
        tree = change_tree(rng, tree, _cbor_leaf)
    try:
        return cbor2.dumps(tree, canonical=rng.random() < 0.8)
    except UnicodeEncodeError:  # a lone surrogate: CBOR's text is UTF-8
        return any_bytes(rng, data, others)


# --- putting shapes together -----------------------------------------------------------------------------


def framed(inner: Shape, width: int = 4, order: str = "big") -> Shape:
    """length || header || rest: the header by `inner`, the length right again."""

    def shape(rng: Rng, data: bytes, others: Sequence[bytes]) -> bytes:
        end = width + int.from_bytes(data[:width], order)
        header = inner(rng, data[width:end], (data[width:end],))
        return len(header).to_bytes(width, order) + header + data[end:]

    return shape


def lines(rng: Rng, data: bytes, others: Sequence[bytes]) -> bytes:
    """Text of lines: one is removed, doubled, moved or joined, or a cell of it replaced."""
    found = data.splitlines(keepends=True) or [b""]
    at, to = rng.randrange(len(found)), rng.randrange(len(found))
    change = rng.randrange(6)
    if change == 0:
        del found[at]
    elif change == 1:
        found.insert(to, found[at])
    elif change == 2:
        found[at], found[to] = found[to], found[at]
    elif change == 3:
        found[at] = found[at].rstrip(b"\r\n") + rng.choice((b"", b"\r", b"\r\n", b"\n\n", b"\0\n"))
    else:
        found[at] = _changed_cell(rng, found[at])
    return b"".join(found)


def _changed_cell(rng: Rng, line: bytes) -> bytes:
    mark = rng.choice((b",", b"=", b" ", b"\t"))
    cells = line.split(mark)
    value = rng.choice(TOKENS) if rng.random() < 0.5 else rng.choice(TEXTS).encode("utf-8", "surrogatepass")
    at = rng.randrange(len(cells))
    cells[at] = rng.choice((value, cells[at] + value, b'"' + value, b'"' + value + b'"'))
    return mark.join(cells)


def pem(rng: Rng, data: bytes, others: Sequence[bytes]) -> bytes:
    """A PEM text whose DER is changed, in its frame again."""
    head, *body, tail = data.strip().splitlines()
    der = any_bytes(rng, base64.b64decode(b"".join(body)), (b"\x30\x82", b"\x06\x03\x55\x04\x03"))
    text = base64.b64encode(der)
    broken = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"\n".join((head, *broken, tail)) + b"\n"


def one_of(*shapes: Shape) -> Shape:
    """Any of these, each time."""

    def shape(rng: Rng, data: bytes, others: Sequence[bytes]) -> bytes:
        return rng.choice(shapes)(rng, data, others)

    return shape
