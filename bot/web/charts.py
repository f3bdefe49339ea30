"""Charts as SVG, made here: a title that says what to see, values on the marks, a table beneath.

Pure functions from numbers to markup. Colours are classes of the style sheet; a second series is
hollow, so that colour is never the only sign. Every mark with a link leads to its cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH = 336  # units; text is drawn at its natural size on a phone
LABEL, ROW, BAR, END = 92, 34, 20, 56  # of lying bars
HEIGHT, TOP, FOOT = 120, 22, 44  # of standing bars
ROOM = 18.0  # a standing part this high holds its own value
LEAST = 3.0  # a value that is not nothing can be seen


@dataclass(frozen=True)
class Mark:
    """One value: its number, how it is said, where it leads, what it says to a reader."""

    value: float
    words: str = ""
    href: str = ""
    kind: str = "good"  # good | bad | calm: a class of the style sheet

    @property
    def said(self) -> str:
        return self.words or f"{self.value:g}"


@dataclass(frozen=True)
class Row:
    """One label with its marks, one of each series, in the order of the legend."""

    label: str
    marks: Sequence[Mark]
    second: str = ""  # a second line of the label


@dataclass(frozen=True)
class Legend:
    """What the rows and each series are called."""

    rows: str
    series: Sequence[tuple[str, str]]  # (name, kind)
    table: str  # the word over the table


def columns(title: str, rows: Sequence[Row], legend: Legend) -> Markup:
    """Standing bars, one place for each row, its marks on top of each other."""
    if not rows:
        return Markup("")
    most = max((sum(m.value for m in row.marks) for row in rows), default=0) or 1
    step = WIDTH / len(rows)
    thick = min(34.0, step * 0.62)
    base = TOP + HEIGHT
    parts: list[Markup] = [_line(0, base, WIDTH, base)]
    for n, row in enumerate(rows):
        middle = step * (n + 0.5)
        height = 0.0
        shown = [m for m in row.marks if m.value > 0]
        sizes = [max(LEAST, m.value / most * HEIGHT) for m in shown]
        inside = len(shown) > 1 and min(sizes) >= ROOM
        for mark, size in zip(shown, sizes, strict=True):
            height += size
            box = _box(middle - thick / 2, base - height, thick, size, mark.kind)
            if inside:
                box += _text(middle, base - height + size / 2 + 5, mark.said, _on(mark))
            parts.append(_linked(mark, row.label, box))
        if shown and not inside:
            text = "+".join(m.said for m in shown)
            parts.append(
                _linked(shown[0], row.label, _text(middle, base - height - 6, text, "mid"))
            )
        parts.append(_text(middle, base + 17, row.label, "mid quiet"))
        if row.second:
            parts.append(_text(middle, base + 34, row.second, "mid quiet"))
    return _figure(title, Markup("").join(parts), TOP + HEIGHT + FOOT, rows, legend)


def bars(title: str, rows: Sequence[Row], legend: Legend) -> Markup:
    """Lying bars, one line for each row."""
    if not rows:
        return Markup("")
    most = max((sum(m.value for m in row.marks) for row in rows), default=0) or 1
    room = WIDTH - LABEL - END
    parts: list[Markup] = [_line(LABEL, 2, LABEL, ROW * len(rows))]
    for n, row in enumerate(rows):
        top = ROW * n + (ROW - BAR) / 2
        parts.append(_text(LABEL - 8, top + 15, short(row.label), "end"))
        left = float(LABEL)
        shown = [m for m in row.marks if m.value > 0]
        sizes = [max(LEAST, m.value / most * room) for m in shown]
        inside = len(shown) > 1 and all(
            size >= 9 * len(m.said) + 8 for m, size in zip(shown, sizes, strict=True)
        )
        for mark, size in zip(shown, sizes, strict=True):
            box = _box(left, top, size, BAR, mark.kind)
            if inside:
                box += _text(left + size / 2, top + 15, mark.said, _on(mark))
            parts.append(_linked(mark, row.label, box))
            left += size
        if shown and not inside:
            text = "+".join(m.said for m in shown)
            parts.append(_linked(shown[0], row.label, _text(left + 6, top + 15, text, "")))
    return _figure(title, Markup("").join(parts), ROW * len(rows) + 2, rows, legend)


def share(title: str, marks: Sequence[tuple[str, Mark]], legend: Legend) -> Markup:
    """One bar cut into its parts, each with its value above and its name beneath."""
    total = sum(mark.value for _, mark in marks)
    if not total:
        return Markup("")
    shown = [(name, mark) for name, mark in marks if mark.value > 0]
    gap, least = 4.0, 64.0  # the narrowest part still has room for its name
    room = WIDTH - 2 - gap * (len(shown) - 1) - least * len(shown)
    left = 1.0
    parts: list[Markup] = []
    for name, mark in shown:
        size = least + mark.value / total * room
        inner = Markup("").join(
            [
                _box(left, 24, size, 26, mark.kind),
                _text(left + 1, 17, mark.said, "strong"),
                _text(left + 1, 68, name, "quiet"),
            ]
        )
        parts.append(_linked(mark, name, inner))
        left += size + gap
    rows = [Row(name, [mark]) for name, mark in marks]
    return _figure(title, Markup("").join(parts), 74, rows, legend)


def _on(mark: Mark) -> str:
    """How a value is written on its own bar: only the filled ones are dark."""
    return "mid on" if mark.kind == "good" else "mid"


def short(label: str, room: int = 13) -> str:
    """A label cut to the width it has; a Chinese sign takes two places."""
    width = 0
    for n, sign in enumerate(label):
        width += 2 if ord(sign) > 0x2E7F else 1
        if width > room:
            return label[: max(1, n - 1)] + "…"
    return label


def _linked(mark: Mark, label: str, inner: Markup) -> Markup:
    if not mark.href:
        return inner
    name = f"{label} {mark.said}"
    return Markup('<a href="{}" aria-label="{}">{}</a>').format(mark.href, name, inner)


def _box(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    shape = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="3"/>')
    return shape.format(kind, x, y, width, height)


def _text(x: float, y: float, words: str, style: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(style, x, y, words)


def _line(x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<path class="axis" d="M{:.1f} {:.1f}L{:.1f} {:.1f}"/>').format(x1, y1, x2, y2)


def _figure(
    title: str, inner: Markup, height: float, rows: Sequence[Row], legend: Legend
) -> Markup:
    """The chart, its title above, the legend where there is more than one series, the table."""
    keys = Markup("")
    if len(legend.series) > 1:
        signs = Markup("").join(
            Markup(
                '<li><svg viewBox="0 0 14 14" aria-hidden="true"><rect class="{}" x="1" y="1" '
                'width="12" height="12" rx="3"/></svg>{}</li>'
            ).format(kind, name)
            for name, kind in legend.series
        )
        keys = Markup('<ul class="keys">{}</ul>').format(signs)
    return Markup(
        '<figure class="chart"><figcaption>{}</figcaption>{}'
        '<svg viewBox="0 0 {} {:.0f}" role="group" aria-label="{}">{}</svg>{}</figure>'
    ).format(title, keys, WIDTH, height, title, inner, table(rows, legend))


def table(rows: Sequence[Row], legend: Legend) -> Markup:
    """The same numbers for readers, folded away."""
    head = Markup("").join(
        Markup('<th scope="col">{}</th>').format(name)
        for name in [legend.rows, *[name for name, _ in legend.series]]
    )
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            " ".join(part for part in (row.label, row.second) if part),
            Markup("").join(Markup("<td>{}</td>").format(_cell(mark)) for mark in row.marks),
        )
        for row in rows
    )
    return Markup(
        "<details><summary>{}</summary><table><thead><tr>{}</tr></thead>"
        "<tbody>{}</tbody></table></details>"
    ).format(legend.table, head, body)


def _cell(mark: Mark) -> Markup:
    if mark.href and mark.value:
        return Markup('<a href="{}">{}</a>').format(mark.href, mark.said)
    return escape(mark.said)
