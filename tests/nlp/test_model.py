"""What is learnt: it tells things apart, keeps in a file, and says when the file is bad."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp import Ear, Intent
from nlp.features import keys, masked
from nlp.model import Model, ModelError, load
from nlp.training import Example, TooFew, train

FRUIT = ["苹果", "香蕉", "橘子", "葡萄", "西瓜", "桃子", "梨子", "草莓", "樱桃", "芒果"]
TOOLS = ["锤子", "钳子", "扳手", "锯子", "螺丝", "电钻", "钉子", "斧头", "梯子", "铁锹"]


def pairs(text: str) -> list[str]:
    return [text[at : at + 2] for at in range(0, len(text), 2)]


def example(text: str, label: str, evidence: float = 0.0) -> Example:
    return Example(text, pairs(text), {"kind": label}, evidence={"fruit": evidence})


@pytest.fixture(scope="module")
def model() -> Model:
    texts = [example(f"我想买点{name}", "fruit") for name in FRUIT]
    texts += [example(f"谁家有{name}借我", "tool") for name in TOOLS]
    return train(texts, rare=1, about={"by": "test"})


def chances(model: Model, text: str) -> dict[str, float]:
    return model.chances("kind", model.read(text, pairs(text)))


def test_tells_apart_what_it_never_saw(model: Model) -> None:
    assert max(chances(model, "想买点荔枝"), key=chances(model, "想买点荔枝").get) == "fruit"  # type: ignore[arg-type]
    assert chances(model, "谁家有刨子借我")["tool"] > 0.7


def test_a_homophone_slip_costs_little(model: Model) -> None:
    """苹 and 平, 橘 and 菊 sound alike."""
    right, slip = chances(model, "我想买点苹果")["fruit"], chances(model, "我想买点平果")["fruit"]
    assert slip > 0.9 * right


def test_chances_are_chances_and_rules_move_them(model: Model) -> None:
    for text in ("", "我想买点梨子", "zzz", "？？"):
        assert sum(chances(model, text).values()) == pytest.approx(1, abs=1e-5)
    mixed = [example("同一句话", "fruit", 1.0)] * 6 + [example("同一句话", "tool", 0.0)] * 6
    torn = train([*mixed, *(example(t, "tool") for t in TOOLS)], rare=1)
    features = torn.read("同一句话", pairs("同一句话"))
    with_rule = torn.chances("kind", features, {"fruit": 1.0})["fruit"]
    assert with_rule > torn.chances("kind", features)["fruit"] + 0.1


def test_a_file_gives_back_the_same_and_the_same_bytes(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "a.model")
    again = load(tmp_path / "a.model")
    again.save(tmp_path / "b.model")
    assert (tmp_path / "a.model").read_bytes() == (tmp_path / "b.model").read_bytes()
    assert again.about == {"by": "test"}
    for text in ("我想买点梨子", "谁家有梯子"):
        assert chances(again, text) == pytest.approx(chances(model, text), abs=1e-3)


def test_training_twice_gives_the_same_model(tmp_path: Path) -> None:
    texts = [example(n, "fruit") for n in FRUIT] + [example(n, "tool") for n in TOOLS]
    train(texts, rare=1).save(tmp_path / "a")
    train(texts, rare=1).save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_too_little_to_learn_from() -> None:
    with pytest.raises(TooFew, match="only one label"):
        train([example("苹果", "fruit"), example("苹果汁", "fruit")], rare=1)
    with pytest.raises(TooFew, match="too few examples"):
        train([example("甲乙", "fruit"), example("丙丁", "tool")], rare=3)


def test_the_words_that_tell(model: Model) -> None:
    assert model.telling("kind", "fruit", ["我想", "买点", "梨子", "谁家"]) == ["我想", "买点"]
    assert model.telling("kind", "fruit", ["0", "，", "买", "没见过的词"]) == []


def broken(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / "ear.model"
    whole = (Path(__file__).parents[2] / "nlp" / "ear.model").read_bytes()
    if kind == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "foreign":
        path.write_bytes(b"PK\x03\x04 not ours at all")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "flipped":
        middle = len(whole) // 2
        path.write_bytes(
            whole[:middle]
            + bytes(255 - b for b in whole[middle : middle + 64])
            + whole[middle + 64 :]
        )
    return path


@pytest.mark.parametrize("kind", ["missing", "cut", "foreign", "empty", "flipped"])
def test_a_bad_file_is_named_and_the_rules_go_on(tmp_path: Path, kind: str) -> None:
    path = broken(tmp_path, kind)
    with pytest.raises(ModelError, match=r"ear\.model: "):
        load(path)
    ear = Ear(tmp_path, model=path)
    assert ear.fault is not None and "ear.model" in ear.fault
    assert ear.hear("着火了").intent is Intent.EMERGENCY
    assert ear.hear("楼道灯坏了").intent is Intent.APPEAL


def test_a_model_of_something_else_is_no_ear(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "fruit.model")
    assert "not one of an ear" in (Ear(tmp_path, model=tmp_path / "fruit.model").fault or "")


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_features_of_anything(text: str) -> None:
    shown = masked(text)
    blocks = keys(shown, list(shown), np.zeros(0x10000, np.uint16))
    assert [block.dtype for block in blocks] == [np.uint32] * 3
    assert len(blocks[0]) >= len(shown)
