"""Where one matter of a message may end and the next begin."""

from __future__ import annotations

import re

_STOP = re.compile(
    r"(?<=[。！？!?；;\n])"
    r"|(?=还有(?!谁|没|多|几|人)|另外|对了|顺便|再就是|再一个|还想(?:问|反映)|然后(?:就是|还有|我家|楼|问))"
)
_COMMA = re.compile(r"(?<=[,，])")
_SHORT = 4
_MOST = 8
_SOLE = 60
"""Up to so many characters a message without a full stop may be cut at its commas."""


def clauses(text: str) -> list[str]:
    """The pieces of a message that may be matters of their own; none if it is one piece."""
    pieces = _cut(_STOP, text)
    if len(pieces) == 1 and len(text) <= _SOLE:
        pieces = _cut(_COMMA, text)
    return pieces if 1 < len(pieces) <= _MOST else []


def _cut(stop: re.Pattern[str], text: str) -> list[str]:
    return [piece for found in stop.split(text) if len(piece := found.strip()) >= _SHORT]
