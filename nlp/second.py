"""What a second opinion on a text looks like to the ear."""

from __future__ import annotations

from typing import Protocol

from nlp.intents import Intent


class SecondEar(Protocol):
    """Another opinion on a text, asked where the first ear doubts."""

    name: str

    def chances(self, text: str) -> dict[Intent, float] | None:
        """The chance of each intent, together 1.

        None where it has no opinion (too slow, out of order). Never raises.
        """
