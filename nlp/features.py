"""What the model sees of a text: its characters, its words and its sounds, each as a number.

Characters alone know most; words know where one ends; sounds forgive a homophone slip (楼到 is
heard as 楼道). A feature is a 32-bit hash of one to three characters, one or two words, or two or
three syllables, so that nothing but numbers has to be kept, and a message is read in array steps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

BLOCKS = ("characters", "words", "sounds")
WORDS = 1
Keys = NDArray[np.uint32]

_NUMBER = re.compile(r"\d+")
_BLANKS = re.compile(r"\s+")
_SIZE = {1: "0", 2: "00", 3: "00", 4: "00"}
_P = np.uint32(2654435761)
_SALTS = tuple(
    np.uint32(s) for s in (0, 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1)
)
_BEGIN, _END = np.uint32(crc32(b"^")), np.uint32(crc32(b"$"))


def masked(text: str) -> str:
    """A folded text with its numbers told apart by length only: digit, room or year, phone."""
    return _BLANKS.sub(" ", _NUMBER.sub(lambda found: _SIZE.get(len(found[0]), "000"), text))


def keys(text: str, words: Sequence[str], syllables: NDArray[np.uint16]) -> tuple[Keys, ...]:
    """For each of `BLOCKS` the features of a masked text, one number per occurrence.

    `syllables` gives a syllable's number for each character below U+10000, 0 where it has none.
    """
    points = np.frombuffer(f"^{text}$".encode("utf-32-le", "replace"), np.uint32)
    told = np.array([crc32(word.encode("utf-8", "replace")) for word in words], np.uint32)
    spoken = points[1:-1]
    spoken = spoken[spoken != 32]
    sounds = syllables[np.minimum(spoken, 0xFFFF)].astype(np.uint32)
    sounds = np.where(sounds == 0, spoken + np.uint32(0x10000), sounds)
    edges = np.concatenate(([_BEGIN], told, [_END])).astype(np.uint32)
    return (
        np.concatenate([_grams(points, n, _SALTS[n]) for n in (1, 2, 3)]),
        np.concatenate([told, _grams(edges, 2, _SALTS[4])]),
        np.concatenate([_grams(sounds, n, _SALTS[5] + np.uint32(n)) for n in (2, 3)]),
    )


def _grams(points: Keys, n: int, salt: np.uint32) -> Keys:
    """Each run of n, hashed; an empty array if there are fewer."""
    count = len(points) - n + 1
    if count < 1:
        return points[:0]
    hashed = points[:count] + salt
    for step in range(1, n):
        hashed = hashed * _P + points[step : step + count]
    hashed ^= hashed >> np.uint32(15)
    return hashed * _SALTS[3]
