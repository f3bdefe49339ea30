"""The overview's charts: from cases and clocks to rows that link to what they count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from statistics import median

from markupsafe import Markup

from bot.web.charts import Legend, Mark, Row, bars, columns
from bot.web.console.frame import View
from bot.web.console.sieve import Sieve, answered
from storage.models import Appeal, Clock, Stopped

WEEK, MONTH = 7, 30  # days
MOST = 6  # bars of a ranking


def all_of(view: View) -> list[Markup]:
    """Every chart that has something to show."""
    month = Sieve(stage="all", days=str(MONTH)).cases(view)
    found = [
        promises(view, month),
        first_answers(view, month),
        categories(view, month),
        places(view, month),
    ]
    return [chart for chart in found if chart]


def week(view: View) -> list[date]:
    today = view.day(view.now)
    return [today - timedelta(days=n) for n in reversed(range(WEEK))]


def promises(view: View, cases: Sequence[Appeal]) -> Markup:
    """How many of each day's cases had their first answer in time."""
    kinds = (("kept", "good"), ("late", "bad"), ("waiting", "calm"))
    series = [(view.say(f"figures.{name}"), kind) for name, kind in kinds]
    counts = Counter((view.day(case.filed_at), answered(view, case)) for case in cases)
    days = week(view)
    total = sum(counts[day, name] for day in days for name, _ in kinds)
    if not total:
        return Markup("")
    rows = [
        _row(
            view,
            day,
            [Mark(counts[day, name], href=_href(day, name), kind=kind) for name, kind in kinds],
        )
        for day in days
    ]
    kept = sum(counts[day, "kept"] for day in days)
    late = sum(counts[day, "late"] for day in days)
    phrase = "figures.promises_late" if late else "figures.promises"
    title = view.say(phrase, days=WEEK, total=total, kept=kept, late=late)
    return columns(title, rows, _legend(view, "figures.day", series))


def first_answers(view: View, cases: Sequence[Appeal]) -> Markup:
    """How long the first answer by a person took: the middle case of each day."""
    days = week(view)
    waits: dict[date, list[float]] = {day: [] for day in days}
    for case in cases:
        day = view.day(case.filed_at)
        if case.answered_at is not None and not case.reopened and day in waits:
            waits[day].append((case.answered_at - case.filed_at).total_seconds())
    every = [seconds for day in days for seconds in waits[day]]
    if not every:
        return Markup("")
    rows = []
    for day in days:
        middle = median(waits[day]) if waits[day] else 0.0
        href = Sieve(stage="all", day=day.isoformat()).url()
        words = view.span(middle) if waits[day] else "-"
        rows.append(_row(view, day, [Mark(middle, words, href)]))
    title = view.say(
        "figures.first", middle=view.span(median(every)), slowest=view.span(max(every))
    )
    series = [(view.say("figures.until_answer"), "good")]
    return columns(title, rows, _legend(view, "figures.day", series))


def categories(view: View, cases: Sequence[Appeal]) -> Markup:
    """What most cases are about."""
    found = Counter(case.category for case in cases).most_common(MOST)
    if not found:
        return Markup("")
    rows = [Row(view.category(name), [Mark(n, href=_month(category=name))]) for name, n in found]
    title = _most(view, "categories", rows)
    series = [(view.say("figures.cases"), "good")]
    return bars(title, rows, _legend(view, "figures.category", series))


def places(view: View, cases: Sequence[Appeal]) -> Markup:
    """Where most cases are."""
    found = Counter(case.place_id for case in cases).most_common(MOST)
    if not found:
        return Markup("")
    rows = []
    for ident, n in found:
        place = view.store.people.place(ident)
        name = place.name if place else view.say("cases.nowhere")
        href = _month(place=str(place.id) if place else "none")
        rows.append(Row(name, [Mark(n, href=href)]))
    title = _most(view, "places", rows)
    series = [(view.say("figures.cases"), "good")]
    return bars(title, rows, _legend(view, "figures.place", series))


def questions(view: View, clocks: Sequence[Clock]) -> Markup:
    """Of each day's questions, how many a person has answered."""
    days = week(view)
    counts = Counter((view.day(clock.opened_at), _how(clock)) for clock in clocks)
    kinds = (("person", "good"), ("nobody", "bad"), ("asker", "calm"))
    total = sum(counts[day, name] for day in days for name, _ in kinds)
    if not total:
        return Markup("")
    rows = [
        _row(view, day, [Mark(counts[day, name], kind=kind) for name, kind in kinds])
        for day in days
    ]
    answered_by = sum(counts[day, "person"] for day in days)
    title = view.say("figures.questions", days=WEEK, total=total, answered=answered_by)
    series = [(view.say(f"figures.{name}"), kind) for name, kind in kinds]
    return columns(title, rows, _legend(view, "figures.day", series))


def _how(clock: Clock) -> str:
    if clock.stopped_at is None:
        return "nobody"
    return "person" if clock.stopped is Stopped.PERSON else "asker"


def _most(view: View, what: str, rows: Sequence[Row]) -> str:
    """What stands out, or that nothing does."""
    first = rows[0].marks[0].value
    if len(rows) > 1 and rows[1].marks[0].value == first:
        return view.say(f"figures.{what}_even", days=MONTH)
    return view.say(f"figures.{what}", days=MONTH, name=rows[0].label, n=int(first))


def _row(view: View, day: date, marks: Sequence[Mark]) -> Row:
    weekday = view.say("figures.weekdays").split()[day.weekday()]
    return Row(view.say("figures.date", n=day.day), marks, weekday)


def _legend(view: View, rows: str, series: Sequence[tuple[str, str]]) -> Legend:
    return Legend(view.say(rows), series, view.say("figures.table"))


def _href(day: date, answer: str) -> str:
    return Sieve(stage="all", day=day.isoformat(), answer=answer).url()


def _month(**chosen: str) -> str:
    return Sieve(stage="all", days=str(MONTH), **chosen).url()
