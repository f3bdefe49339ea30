"""Pasted and forwarded text: a 接龙 or a chat record, read into rows.

Precision comes first: what one person wrote (a complaint in lines, numbered or not, an address, a
form, a poem) is not for us, and gives None.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from nlp.pasted.record import read_record
from nlp.pasted.relay import read_relay
from nlp.pasted.rows import LIMIT, Pasted, Row, normalise

__all__ = ["LIMIT", "Pasted", "Row", "may_be_pasted", "normalise", "read"]

_CALLED = re.compile("#\\s?接龙|＃\\s?接龙")


def may_be_pasted(text: str) -> bool:
    """A look that costs nothing: all that is pasted has lines, or says what it is."""
    return "\n" in text.strip() or "接龙" in text


def read(text: str, names: Sequence[str] = ()) -> Pasted | None:
    """Rows of a 接龙 or of a chat record; None for anything else. Never raises.

    `names` are the community's own places.

    A record that carries a 接龙 is read as the 接龙: that is what it was pasted for.
    """
    if not may_be_pasted(text):
        return None
    plain = normalise(text)
    if _CALLED.search(plain):
        return read_relay(plain) or read_record(plain, names)
    return read_record(plain, names) or read_relay(plain)
