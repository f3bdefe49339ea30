"""What the ear takes in of one text before it judges: its plain form, its words, what rules say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nlp.features import masked
from nlp.folding import fold
from nlp.lexicon import load
from nlp.rules import Rules, Verdict
from nlp.scanning import Scanner
from nlp.slots import find_language
from nlp.tokens import Tokenizer
from nlp.wording import plain


@dataclass(slots=True)
class Reading:
    """`folded` as it was written; `masked` and `words` for the model; what the rules say."""

    folded: str
    lang: str
    masked: str
    words: list[str]
    verdict: Verdict

    @property
    def evidence(self) -> dict[str, float]:
        """What the rules say for (up to 1) or against (-1) each intent, category and danger."""
        said = {intent.value: found.score for intent, found in self.verdict.intents.items()}
        said |= dict.fromkeys((intent.value for intent in self.verdict.denied), -1.0)
        said |= self.verdict.categories
        if self.verdict.danger is not None:
            said[self.verdict.danger] = 1.0
        return said


class Reader:
    """Holds the lexicon and the dictionary. Loads once; safe to share between threads."""

    def __init__(self, cache_dir: Path | None = None) -> None:
        lexicon = load()
        self._tokens = Tokenizer(cache_dir)
        self._scanner = Scanner(lexicon, self._tokens)
        self.rules = Rules(lexicon)

    def read(self, text: str, names: Iterable[str] = ()) -> Reading:
        """One text, `names` being the community's own places. Any string will do."""
        self._tokens.learn(names)
        folded = fold(text)
        said = plain(folded)
        numbers_hidden = masked(said)
        return Reading(
            folded,
            find_language(folded),
            numbers_hidden,
            self._tokens.cut(numbers_hidden),
            self.rules.weigh(said, self._scanner.scan(said)),
        )
