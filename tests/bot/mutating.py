"""Payloads made wrong: by their bytes, by the structure of JSON, by the structure of XML."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

DEEP = 3000  # levels; a parser in C gives up at about a third of it
RAW = {  # what json.dumps does not write itself
    "@@deep list@@": b"[" * DEEP + b"]" * DEEP,
    "@@deep table@@": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "@@huge@@": b"9" * 5000,
    "@@long@@": b"9" * 400,
    "@@tiny@@": b"1e-9999",
    "@@infinite@@": b"1e9999",
    "@@twice@@": b'{"id":1,"id":"2","id":[3]}',
}
NASTY: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**63,
    -(2**63) - 1,
    10**30,
    1.5,
    float("nan"),
    float("inf"),
    "",
    " ",
    "0",
    "null",
    "\x00",
    "a\x00b",
    "\ud800",
    "坏\udfff字",
    "\u202e\u200b",
    "😀" * 300,
    "x" * 5000,
    "]]>",
    "<x>&amp;</x>",
    "'; DROP TABLE inbound; --",
    "../../etc/passwd",
    "{0.__class__}%s%n",
    "9" * 30,
    "1e999",
    "2026-13-45T99:99:99",
    [],
    {},
    [[]],
    [None] * 50,
    ["x"],
    [{}],
    {"": ""},
    {"id": {"id": 1}},
    {"type": "private"},
    *RAW,
]
CODINGS = ("utf-16", "utf-32", "gbk", "utf-8-sig", "latin-1", "utf-7")
Mutation = Callable[[bytes, Random], bytes]


# Bytes


def _slice(body: bytes, dice: Random) -> tuple[int, int]:
    start = dice.randrange(len(body) + 1)
    return start, min(len(body), start + dice.choice((1, 2, 8, 64, 1000)))


def flip(body: bytes, dice: Random) -> bytes:
    changed = bytearray(body or b"{}")
    for _ in range(dice.choice((1, 1, 2, 5, 30))):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def cut(body: bytes, dice: Random) -> bytes:
    start, end = _slice(body, dice)
    return dice.choice((body[:start], body[start:], body[:start] + body[end:]))


def double(body: bytes, dice: Random) -> bytes:
    start, end = _slice(body, dice)
    return dice.choice((body + body, body[:end] + body[start:], body + b"\x00"))


def insert(body: bytes, dice: Random) -> bytes:
    start, _ = _slice(body, dice)
    return body[:start] + dice.randbytes(dice.choice((1, 4, 40))) + body[start:]


def recode(body: bytes, dice: Random) -> bytes:
    return body.decode("utf-8", "replace").encode(dice.choice(CODINGS), "replace")


def nothing_like_it(body: bytes, dice: Random) -> bytes:
    whole = (b"", b" ", b"null", b"[]", b"{}", b"0", b'""', b"NaN", b"<xml/>", b"<", b"\xff\xfe")
    return dice.choice((*whole, *RAW.values(), dice.randbytes(200)))


BYTES: tuple[Mutation, ...] = (flip, cut, double, insert, recode, nothing_like_it)


# JSON


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every container and key (or index) in a tree."""
    if isinstance(tree, dict | list):
        for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
            yield tree, key
            yield from _places(tree[key])


def in_json(body: bytes, dice: Random) -> bytes:
    """One to three places of a document changed: replaced, left out, moved, renamed, wrapped."""
    tree = {"": json.loads(body)}
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        places = list(_places(tree))
        holder, key = dice.choice(places)
        other, there = dice.choice(places)
        match dice.randrange(8):
            case 0 if holder is not tree:
                del holder[key]
            case 1:
                holder[key] = copy.deepcopy(other[there])
            case 2 if isinstance(holder, dict) and holder is not tree:
                holder[dice.choice(("", "id", f"{key}2", "\ud800", "x" * 999))] = holder.pop(key)
            case 3:
                holder[key] = dice.choice(([holder[key]], {"a": holder[key]}))
            case 4 if isinstance(holder[key], str | int):
                held = holder[key]
                holder[key] = int(held) if str(held).isdecimal() else str(held)[::-1]
            case _:
                holder[key] = copy.deepcopy(dice.choice(NASTY))
    return as_json(tree.get(""), dice)


def as_json(tree: Any, dice: Random) -> bytes:
    written = json.dumps(tree, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")
    for name, raw in RAW.items():
        written = written.replace(f'"{name}"'.encode(), raw)
    return written


# XML

ELEMENT = re.compile(rb"<(\w+)>((?:<!\[CDATA\[.*?\]\]>|[^<]*))</\1>", re.DOTALL)
HEADS = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]>',
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    b'<!DOCTYPE x SYSTEM "file:///etc/passwd">',
    b'<!DOCTYPE x [<!ENTITY a SYSTEM "http://127.0.0.1:1/">]>',
    b'<?xml version="1.0" encoding="utf-16"?>',
    b'<?xml version="1.0" encoding="no-such"?>',
    b'<?xml version="9.9"?>',
    b"<!-- -- -->",
    b"\xef\xbb\xbf",
)
INSIDES = (
    b"",
    b" ",
    b"]]>",
    b"<![CDATA[]]>",
    b"<![CDATA[x]]]]><![CDATA[>y]]>",
    b"<![CDATA[x]]></Content><FromUserName><![CDATA[other]]></FromUserName><Content><![CDATA[y]]>",
    b"&a;",
    b"&lt;&#0;",
    b"&#xD800;",
    b"&#x1F600;",
    b"\x00",
    b"\x1b",
    b"\xed\xa0\x80",
    b"-1",
    b"0",
    b"1e999",
    b"NaN",
    b"9" * 30,
    b"9" * 5000,
    b"x" * 5000,
    b"<a>" * DEEP + b"</a>" * DEEP,
    b"<a><b>1</b><b>2</b></a>",
    b"<item/><item/>",
    b'<a b="c" xmlns:q="urn:q">1</a>',
    b"<!-- x -->",
    b"<?x y?>",
)


def in_xml(body: bytes, dice: Random) -> bytes:
    """One to three elements changed: filled otherwise, left out, twice, renamed, given a head."""
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        found = list(ELEMENT.finditer(body))
        if not found:
            return body
        one, other = dice.choice(found), dice.choice(found)
        name, whole, inside = one[1], one[0], one[2]
        match dice.randrange(8):
            case 0:
                new = b""
            case 1:
                new = whole + whole
            case 2:
                new = b"<%s>%s</%s>" % (name, other[2], name)
            case 3:
                new = b"<%s>%s</%s>" % (other[1], inside, other[1])
            case 4:
                new = b'<%s type="x">%s%s</%s>' % (name, whole, inside, name)
            case 5:
                body = dice.choice(HEADS) + body
                continue
            case _:
                new = b"<%s>%s</%s>" % (name, dice.choice(INSIDES), name)
        body = body[: one.start()] + new + body[one.end() :]
    return body


def mutate(body: bytes, structure: Mutation, dice: Random) -> bytes:
    """A payload changed in its structure (mostly) or in its bytes, or left as it is (seldom)."""
    chance = dice.random()
    if chance < 0.02:
        return body
    changed = structure(body, dice) if chance < 0.75 else body
    if chance > 0.65:  # both, sometimes
        changed = dice.choice(BYTES)(changed, dice)
    return changed


def again(body: bytes, structure: Mutation, dice: Random) -> bytes:
    """What may be past reading already, changed further."""
    try:
        return mutate(body, structure, dice)
    except (ValueError, RecursionError):
        return dice.choice(BYTES)(body, dice)
