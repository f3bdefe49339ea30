"""Pasted lists and records: what is one, what is none, and what every row keeps."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp.pasted import Pasted, Row, normalise, read
from nlp.wellbeing import how_they_are

HERE = Path(__file__).parent


def table(name: str) -> list[str]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("# ")]


NO = table("pasted_no.txt")
YES = table("pasted_yes.txt")


def broken(text: str) -> str:
    return text.replace("⏎", "\n")


def spoken(row: Row) -> str:
    where = row.room
    room = where.room or "-"
    if where.building or where.unit:
        room = "/".join(part or "-" for part in (where.building, where.unit, where.room))
    return f"{row.number or '-'} {row.name or '-'} {room} {row.words}"


def test_the_tables_are_long() -> None:
    assert len(NO) >= 60
    assert len(YES) >= 80


@pytest.mark.parametrize("text", NO)
def test_one_persons_own_words_are_not_taken(text: str) -> None:
    assert read(broken(text)) is None


@pytest.mark.parametrize("line", YES)
def test_rows_are_read(line: str) -> None:
    kind, text, rows = line.split(" | ")
    found = read(broken(text.strip()))
    assert found is not None
    expected = [normalise(row).strip() for row in rows.split("; ")]
    assert (found.kind, [spoken(row).strip() for row in found.rows]) == (kind.strip(), expected)


def test_what_is_odd_is_told() -> None:
    found = read("#接龙\n3栋停水\n1. 张三 501 平安\n3. 李四 502\n3. 王五 503\n6. 张三 501 要药\n")
    assert found is not None
    assert found.title == "3栋停水"
    assert (found.skipped, found.doubled) == ([2, 4, 5], [3])
    assert [row.what for row in found.replaced] == ["平安"]


def test_a_long_word_after_a_gap_is_nobodys_remark_and_is_not_lost() -> None:
    notice = "这两天施工，停水停电都有可能，早上八点到晚上六点，" * 3
    found = read(f"#接龙\n1. 张三 501 平安\n\n{notice}")
    assert found is not None
    assert [row.what for row in found.rows] == ["平安"]
    assert found.rest == (normalise(notice),)


def test_a_record_keeps_its_times_and_lines() -> None:
    found = read("3栋群的聊天记录\n张三 10:21\n没水\n李四 10:25\n东门口也没水", ("东门口",))
    assert found is not None
    assert found.title == "3栋群"
    assert [(row.at, row.line) for row in found.rows] == [("10:21", 1), ("10:25", 3)]
    assert found.rows[1].room.spot == "东门口"


WELL = (
    "平安|没事|安全|在家|都好|已撤离|出来了|2人平安|一家三口都在家|ok|👌|✅|不需要帮助，平安"
    "|没人受伤，都好|到|还好|不好意思，平安|还好没着火"
)
ILL = (
    "需要帮助|求助|老人走不动|缺药|平安，但是老人没药了|不平安|还没撤|没下楼|有人受伤|奶奶摔了|断粮了|被困|求救|SOS"
    "|奶奶卧床|要人背|老人一个人在家|困在电梯里|需要轮椅|药快吃完了|孩子发烧|叫不醒"
)
NEITHER = (
    "漏水|停电|在外地|几点修|2箱|草莓|不缺药|不要药|志愿者，可以帮忙|大家都平安吗？|是否平安|祝平安|注意安全|收到|好的"
    "|不在家|信号不好|还没来水|困了|请大家报平安|困难户|水压小|"
)


@pytest.mark.parametrize(
    ("words", "how"),
    [
        (w, how)
        for said, how in ((WELL, True), (ILL, False), (NEITHER, None))
        for w in said.split("|")
    ],
)
def test_how_they_are(words: str, how: bool | None) -> None:
    assert how_they_are(words) is how


# What must hold for any text.

ODD = (
    "①５３栋单元501 102平安王李张三、.。:：（）()【】[]「」#接龙例\n\n  \t-—/年月日10:21🙏１️⃣"
    "\ud800\x00第个聊天记录"
)


def whole(found: Pasted | None) -> list[Row]:
    return [*found.rows, *found.replaced] if found else []


@given(st.one_of(st.text(), st.text(alphabet=ODD, max_size=300)))
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_and_words_are_never_made_up(text: str) -> None:
    for pasted in (text, "#接龙\n" + text, "群聊的聊天记录\n" + text):
        for row in whole(read(pasted)):
            assert row.what in normalise(pasted)


NAMES = st.sampled_from(
    [
        "张三",
        "李四",
        "王五",
        "赵六",
        "孙小明",
        "周八",
        "吴阿姨",
        "郑大爷",
        "欧阳修",
        "小李",
        "老王",
        "Tom",
        "阳光",
    ]
)
SAID = st.sampled_from(
    ["平安", "没事", "在家", "需要帮助", "老人走不动", "缺药", "两人都好", "没水", "灯坏了"]
)
PEOPLE = st.lists(st.tuples(NAMES, SAID), min_size=1, max_size=20)
Numbering = Callable[[int], str]
NUMBERINGS: list[Numbering] = [
    lambda n: f"{n}. ",
    lambda n: f"{n}、",
    lambda n: f"{n}）",
    lambda n: f"（{n}）",
    lambda n: f"{n}．".translate(str.maketrans("0123456789", "０１２３４５６７８９")),
    lambda n: chr(0x245F + n) if n <= 20 else f"{n}.",
    lambda n: f"第{n}个 ",
    lambda n: f"{n}",
    lambda n: f"【{n}】",
]
BETWEEN = st.sampled_from(
    ["\n", "\n\n", "\n  家里有老人\n", "\n 谢谢小李\n", " \n", "🙏\n", "\r\n"]
)


def listed(people: list[tuple[str, str]], numbers: list[str], gaps: list[str], sep: str) -> str:
    rows = [
        f"{number}{name}{sep}{501 + n}{sep}{said}"
        for n, (number, (name, said)) in enumerate(zip(numbers, people, strict=True))
    ]
    return "#接龙\n3栋平安\n例：1. 张三 101 平安\n" + "".join(
        row + gap for row, gap in zip(rows, gaps, strict=True)
    )


@given(PEOPLE, st.sampled_from(NUMBERINGS), st.sampled_from([" ", "，", ""]))
def test_a_plain_list_of_n_rows_gives_n_rows(
    people: list[tuple[str, str]], numbering: Numbering, sep: str
) -> None:
    numbers = [numbering(n) for n in range(1, len(people) + 1)]
    found = read(listed(people, numbers, ["\n"] * len(people), sep))
    assert found is not None
    assert [row.room.room for row in found.rows] == [str(501 + n) for n in range(len(people))]
    assert [row.number for row in found.rows] == list(range(1, len(people) + 1))


@given(PEOPLE, st.data())
@settings(deadline=None)
def test_breaking_a_list_loses_no_row(people: list[tuple[str, str]], data: st.DataObject) -> None:
    count = len(people)
    start, numbers = 0, []
    for _ in range(count):  # skipped and repeated numbers, each row in a way of its own
        start = max(1, start + data.draw(st.sampled_from([0, 1, 1, 1, 2, 3])))
        numbers.append(data.draw(st.sampled_from(NUMBERINGS))(start))
    gaps = [data.draw(BETWEEN) for _ in range(count)]
    found = read(listed(people, numbers, gaps, " ") + "请大家继续接龙\n")
    assert found is not None
    rooms = [row.room.room for row in found.rows]
    assert rooms == [str(501 + n) for n in range(count)]
    for row, (_, said) in zip(found.rows, people, strict=True):
        assert said in row.what


@given(st.lists(st.tuples(NAMES, SAID), min_size=2, max_size=9))
def test_two_people_on_one_line_are_two_rows(people: list[tuple[str, str]]) -> None:
    numbers = [f"{n} " for n in range(1, len(people) + 1)]
    gaps = [" " if n % 2 else "\n" for n in range(1, len(people) + 1)]
    found = read(listed(people, numbers, gaps, ""))
    assert found is not None
    assert [row.room.room for row in found.rows] == [str(501 + n) for n in range(len(people))]


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, ours and the library's."""
    count = 0

    def note(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "unit",
    [
        "1. 张三 501 平安\n",
        "1 张三 501 平安 2 李四 502 平安 ",
        "张三 10:21\n家里没水\n",
        "张三: 家里没水\n",
        "501 张三 平安\n",
        "家里没水\n",
        "1 2 3 ",
        "[图片] ",
        "「张三: ",
        "——  ",
    ],
)
def test_twice_the_text_is_twice_the_work(unit: str) -> None:
    many = 4_000 // len(unit)
    once = "#接龙\n" + unit * many
    twice = "#接龙\n" + unit * many * 2
    read(once)  # caches of patterns are filled
    assert calls(lambda: read(twice)) <= 2.2 * calls(lambda: read(once)) + 200


SAMPLES = [
    line.split("\t")[0]
    for path in sorted((HERE.parents[1] / "nlp" / "samples").glob("*.tsv"))
    for line in path.read_text(encoding="utf-8").splitlines()[1:]
    if "\\n" not in line
]


@given(
    st.lists(st.sampled_from(SAMPLES), min_size=2, max_size=6),
    st.sampled_from(["", "{}. ", "{}、"]),
)
@settings(max_examples=300, deadline=None)
def test_what_people_write_is_not_taken_line_by_line_or_numbered(
    said: list[str], numbering: str
) -> None:
    text = "\n".join(numbering.format(n) + words for n, words in enumerate(said, start=1))
    assert read(text) is None
