"""The samples the ear learns from: readable, of every kind, and no two alike."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from nlp import CATEGORIES, Intent, sampling
from nlp.ear import SHIPPED
from nlp.model import load
from nlp.sampling import BadSample, Sample

ALIKE = 0.6
SAMPLES = list(sampling.read(sampling.shipped()))


def grams(text: str) -> frozenset[str]:
    bare = re.sub(r"\s", "", text)
    return frozenset("".join(three) for three in zip(bare, bare[1:], bare[2:], strict=False))


def alike(texts: list[str]) -> list[tuple[str, str]]:
    """Pairs that share over `ALIKE` of their character 3-grams (Jaccard).

    Such a pair shares one of the rarest grams of each, so only those are compared.
    """
    sets = [grams(text) for text in texts]
    often = Counter(gram for one in sets for gram in one)
    met: dict[str, list[int]] = defaultdict(list)
    pairs = []
    for number, one in enumerate(sets):
        rarest = sorted(one, key=lambda gram: (often[gram], gram))
        rarest = rarest[: int((1 - ALIKE) * len(one)) + 1]
        for other in {other for gram in rarest for other in met[gram]}:
            if len(one & sets[other]) > ALIKE * len(one | sets[other]):
                pairs.append((texts[number], texts[other]))
        for gram in rarest:
            met[gram].append(number)
    return pairs


def masked(text: str) -> str:
    """Without digits, places, names and stops."""
    text = re.sub(r"[0-9０-９零〇一二三四五六七八九十百两]+", "0", text)
    text = re.sub(r"0(号楼|栋|幢|单元|楼|室|号|层|#)", "0", text)
    text = re.sub(
        r"[老小][赵钱孙李周吴郑王张刘陈杨黄何马林]|[赵钱孙李周吴郑王张刘陈杨黄何马林](阿姨|大爷|奶奶|师傅)",
        "某",
        text,
    )
    return re.sub(r"[\W_]|0+", "", text)


def test_enough_of_every_intent_and_category() -> None:
    assert len(SAMPLES) >= 3000
    intents = Counter(sample.intent for sample in SAMPLES)
    assert min(intents[intent] for intent in Intent) >= 300
    about = Counter(sample.about for sample in SAMPLES)
    assert min(about[name] for name in (*CATEGORIES, *sampling.DANGERS)) >= 30
    hard = sum("hard" in sample.marks for sample in SAMPLES)
    assert hard * 3 >= len(SAMPLES)
    marks = Counter(mark for sample in SAMPLES for mark in sample.marks)
    for manner in ("elder", "child", "voice", "typo", "dialect", "trad", "group", "long", "en"):
        assert marks[manner] >= 50, manner


def test_no_two_are_alike() -> None:
    assert alike(["今天电梯又坏了没人修", "今天电梯又坏了没人来修", "好"])  # the test can fail
    assert alike([sample.text for sample in SAMPLES]) == []


def test_hardly_any_come_of_one_template() -> None:
    same = Counter(masked(sample.text) for sample in SAMPLES if len(masked(sample.text)) > 3)
    assert sum(count - 1 for count in same.values()) <= 0.02 * len(SAMPLES)


def test_no_text_stands_twice_and_no_label_is_torn() -> None:
    assert [text for text, n in Counter(s.text for s in SAMPLES).items() if n > 1] == []


def test_the_shipped_model_was_made_from_these_samples() -> None:
    made_from = load(SHIPPED).about["samples"]
    assert made_from == sampling.digest(sampling.shipped()), (
        "samples changed: run `huiyin train --ear --out nlp/ear.model`"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("一句话\tchat\t", "4 columns"),
        ("一句话\tgossip\t\t", "gossip"),
        ("  \tchat\t\t", "no text"),
        ("灯坏了\tappeal\tlamp\t", "lamp"),
        ("着了\temergency\t\t", "fire"),
    ],
)
def test_a_bad_line_is_named_by_file_and_number(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "own.tsv"
    file.write_text(f"{sampling.HEADER}\n好\tchat\t\t\n{line}\n", encoding="utf-8")
    with pytest.raises(BadSample, match=rf"own\.tsv:3: .*{said}"):
        list(sampling.read([file]))


def test_a_line_break_and_marks_are_read(tmp_path: Path) -> None:
    file = tmp_path / "own.tsv"
    file.write_text(f"{sampling.HEADER}\n一\\n二\tappeal\twater\thard, elder\n", encoding="utf-8")
    assert list(sampling.read([file])) == [
        Sample("一\n二", Intent.APPEAL, "water", frozenset({"hard", "elder"}))
    ]


def test_a_file_without_the_header_is_named(tmp_path: Path) -> None:
    file = tmp_path / "own.tsv"
    file.write_text("好\tchat\t\t\n", encoding="utf-8")
    with pytest.raises(BadSample, match=r"own\.tsv:1"):
        list(sampling.read([file]))
