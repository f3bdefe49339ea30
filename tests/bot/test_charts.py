"""Charts as pure functions: values on the marks, links, a table of the same numbers."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.web.charts import WIDTH, Legend, Mark, Row, bars, columns, share, short

LEGEND = Legend("日期", [("按时", "good"), ("超时", "bad")], "看数字")
ROWS = [
    Row("20日", [Mark(3, href="/a?x=1&y=2"), Mark(1, href="/b", kind="bad")], "周五"),
    Row("21日", [Mark(0, href="/c"), Mark(0, kind="bad")], "周六"),
]


def parsed(markup: str) -> ElementTree.Element:
    """Well-formed, or it raises."""
    return ElementTree.fromstring(markup)


@pytest.mark.parametrize("draw", [columns, bars])
def test_title_values_links_and_table(draw) -> None:  # type: ignore[no-untyped-def]
    figure = parsed(draw("这周 4 件，1 件超时", ROWS, LEGEND))
    assert figure.findtext("figcaption") == "这周 4 件，1 件超时"
    svg = next(one for one in figure.findall("svg"))
    shown = "".join(svg.itertext())
    assert "3" in shown
    assert "1" in shown
    links = [a.get("href") for a in svg.iter("a")]
    assert set(links) == {"/a?x=1&y=2", "/b"}
    assert next(a.get("aria-label") for a in svg.iter("a")) == "20日 3"
    cells = [["".join(c.itertext()) for c in row] for row in figure.iter("tr")]
    assert cells == [["日期", "按时", "超时"], ["20日 周五", "3", "1"], ["21日 周六", "0", "0"]]
    assert [a.get("href") for a in figure.iter("a")][-2:] == ["/a?x=1&y=2", "/b"]


def test_a_second_series_is_told_apart_without_colour() -> None:
    figure = parsed(columns("x", ROWS, LEGEND))
    keys = next(one for one in figure.iter("ul"))
    assert ["".join(li.itertext()) for li in keys] == ["按时", "超时"]
    assert [rect.get("class") for rect in keys.iter("rect")] == ["good", "bad"]
    only = Legend("日期", [("件", "good")], "看数字")
    assert parsed(bars("x", [Row("a", [Mark(1)])], only).replace("&", "&amp;")).find("ul") is None


def test_nothing_draws_nothing() -> None:
    assert columns("x", [], LEGEND) == ""
    assert bars("x", [], LEGEND) == ""
    assert share("x", [("a", Mark(0))], LEGEND) == ""


def test_a_share_names_every_part() -> None:
    one = Legend("回答", [("人", "good")], "看数字")
    parts = [("平安", Mark(41, href="#safe")), ("帮助", Mark(2, kind="bad")), ("未回", Mark(0))]
    figure = parsed(share("43 人里 43 人回了", parts, one))
    svg = next(iter(figure.findall("svg")))
    assert [t.text for t in svg.iter("text")] == ["41", "平安", "2", "帮助"]
    assert [a.get("href") for a in svg.iter("a")] == ["#safe"]
    boxes = list(svg.iter("rect"))
    assert sum(float(b.get("width", 0)) for b in boxes) <= WIDTH
    cells = [["".join(c.itertext()) for c in row] for row in figure.iter("tr")][1:]
    assert cells == [["平安", "41"], ["帮助", "2"], ["未回", "0"]]


def test_words_are_never_markup() -> None:
    evil = '<script>"&</script>'
    rows = [Row(evil, [Mark(1, evil, f"/x?{evil}")], evil)]
    drawn = [
        columns(evil, rows, Legend(evil, [(evil, "good")], evil)),
        bars(evil, rows, LEGEND),
        share(evil, [(evil, rows[0].marks[0])], LEGEND),
    ]
    for figure in drawn:
        assert "<script" not in figure
        parsed(figure)


@given(st.lists(st.lists(st.integers(0, 10**9), min_size=2, max_size=2), min_size=1, max_size=31))
def test_every_mark_stays_inside(values: list[list[int]]) -> None:
    rows = [Row(str(n), [Mark(a), Mark(b, kind="bad")]) for n, (a, b) in enumerate(values)]
    for draw in (columns, bars):
        figure = parsed(draw("x", rows, LEGEND))
        svg = next(iter(figure.findall("svg")))
        _, _, width, height = (float(part) for part in str(svg.get("viewBox")).split())
        boxes = list(svg.iter("rect"))
        assert len(boxes) == sum(v > 0 for pair in values for v in pair)
        for box in boxes:
            x, y, w, h = (float(box.get(k, "nan")) for k in ("x", "y", "width", "height"))
            assert -0.1 <= x <= x + w <= width + LEAST_OVER
            assert -LEAST_OVER <= y <= y + h <= height + 0.1


LEAST_OVER = 6.0  # a value too small to see is drawn a little larger than it is


def test_long_labels_are_cut_to_their_width() -> None:
    assert short("用电") == "用电"
    assert short("公共楼道和电梯间") == "公共楼道和…"
    assert short("Rooms and stairs") == "Rooms and st…"
    assert re.fullmatch(r".{1,13}…?", short("x" * 50))
