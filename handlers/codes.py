"""One-time codes as they are printed and as people write them: HY-XXXX-XXXX."""

from __future__ import annotations

import hashlib
import re

from handlers.words import fold

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that reads like something else
OWN = ("invite", "link")  # kinds of codes that make whoever writes them a certain person
_CODE = re.compile(
    r"hy[-_\s]?([a-z0-9]{4})[-_\s]?([a-z0-9]{4})"
)  # 0 and 1: a slip is a wrong code, no other words
_AMONG_WORDS = re.compile(rf"(?<![a-z0-9]){_CODE.pattern}(?![a-z0-9])")


def make_code(secret: str) -> str:
    """A code as it is printed, from a fresh secret: eight letters, 39 bits of it."""
    drawn = hashlib.sha256(secret.encode()).digest()
    letters = "".join(LETTERS[drawn[n] % len(LETTERS)] for n in range(8)).upper()
    return f"HY-{letters[:4]}-{letters[4:]}"


def read_code(text: str) -> str | None:
    """A text that is a code and nothing else, as it is kept: HYXXXXXXXX."""
    return _kept(_CODE.fullmatch(fold(text)))


def find_code(text: str) -> str | None:
    """The first code that stands among other words."""
    return _kept(_AMONG_WORDS.search(fold(text)))


def _kept(found: re.Match[str] | None) -> str | None:
    return f"HY{found[1]}{found[2]}".upper() if found else None
