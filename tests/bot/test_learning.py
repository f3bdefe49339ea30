"""huiyin train and huiyin evaluate, as they are typed."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import pytest

from bot import learning
from bot.cli import main
from bot.opening import open_database
from bot.settings import load
from nlp import Intent, sampling
from storage import Store
from storage.models import Source
from storage.store.loading import communities
from tests.town import MONDAY

FRUIT = ["苹果", "香蕉", "橘子", "葡萄", "西瓜", "桃子", "梨子", "草莓", "樱桃", "芒果"]
TOOLS = ["锤子", "钳子", "扳手", "锯子", "螺丝", "电钻", "钉子", "斧头", "梯子", "铁锹"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows: list[dict[str, object]] = [
        {"title": f"想买{name}", "text": f"今天想去市场买点{name}回家", "kind": "吃的"}
        for name in FRUIT
    ]
    rows += [
        {"title": f"借{name}", "text": f"谁家有{name}借我修东西", "kind": "工具"} for name in TOOLS
    ]
    rows += [{"title": "没有标签"}, {"title": "空标签", "kind": ""}]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    return path


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_train_then_evaluate(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "new" / "kinds.model"
    assert run("train", "--data", data, "--label", "kind", "--out", model) == 0
    assert "40 texts" in capsys.readouterr().err
    assert (
        run("evaluate", "--model", model, "--data", data, "--label", "kind", "--text", "title") == 0
    )
    figures = json.loads(capsys.readouterr().out)
    assert list(figures) == ["n", "accuracy", "macro_f1", "per_label"]
    assert figures["n"] == 20
    assert figures["macro_f1"] > 0.9
    assert set(figures["per_label"]) == {"吃的", "工具"}
    assert figures["per_label"]["工具"]["n"] == 10


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("{}", "没有一行"),
        ("[1]", ":1: not a JSON object"),
        ('{"title": "一", "kind": "a"}\n{oops', ":2: not JSON"),
        ('{"title": "一二三", "kind": "a"}', "only one label"),
    ],
)
def test_what_cannot_be_learnt_is_one_clear_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, said: str
) -> None:
    path = tmp_path / "bad.jsonl"
    if content is not None:
        path.write_text(content, "utf-8")
    assert run("train", "--data", path, "--label", "kind", "--out", tmp_path / "m") == 2
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


def test_a_bad_model_is_one_clear_sentence(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m").write_bytes(b"not a model")
    assert run("evaluate", "--model", tmp_path / "m", "--data", data, "--label", "kind") == 2
    assert "not a model" in capsys.readouterr().err


def test_the_ear_is_no_classifier_of_files(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from nlp.ear import SHIPPED

    assert run("evaluate", "--model", SHIPPED, "--data", data, "--label", "kind") == 2
    assert "[ear] model" in capsys.readouterr().err


def test_train_wants_data_or_ear(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "--out", tmp_path / "m") == 2
    assert "--ear" in capsys.readouterr().err
    assert run("train", "--ear", "--samples", tmp_path / "none.tsv", "--out", tmp_path / "m") == 2
    assert "no such file" in capsys.readouterr().err


def test_a_communitys_own_samples_are_learnt_from_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUIYIN_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    example = Path(__file__).parents[2] / "communities" / "example.toml"
    assert run("community", "add", example) == 0
    database = open_database(load(None, os.environ))
    with database.write() as session:
        store = Store(session, communities(session)[0].id)
        for intent in ("chat", "question"):  # the later was said by who knew better
            store.samples.keep(
                text="井边那个门开不开", intent=intent, about="", source=Source.CORRECTED, at=MONDAY
            )
    database.close()
    asked = argparse.Namespace(community="xingfuli", config=None)
    assert learning._kept(asked) == [sampling.Sample("井边那个门开不开", Intent.QUESTION)]
    assert "1 samples" in capsys.readouterr().err
    with pytest.raises(learning.CannotLearn, match="nobody"):
        learning._kept(argparse.Namespace(community="nobody", config=None))
