"""When: 明晚八点, 后天上午, 今天下午3点半, 周六上午9点, 20:30, 半小时后."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from nlp.numerals import to_int

_N = r"(?:\d{1,2}|[零一二三四五六七八九十两]{1,3})"
_DAY = r"大后天|后天|后日|明天|明日|今天|今日|明早|明晚|明晨|今早|今晨|今晚|后晚|当晚"
_WEEK = r"(?P<next>下下|下个?|这个?|本)?(?:周|星期|礼拜)(?P<week>[一二三四五六日天末1-6])"
_DATE = (
    rf"(?:(?P<month>{_N})月(?P<dom>{_N})(?:日|号)?|"
    r"(?<!\d)(?P<dom2>\d{1,2})号"
    r"(?=上午|下午|晚上|早上|中午|[一二三四五六七八九十]+点|\d{1,2}[点:]|那天|之前|以前|前))"
)
_PART = r"凌晨|清晨|大清早|早上|早晨|上午|中午|正午|下午|午后|傍晚|晚上|夜里|夜间|半夜|晚间|早|晚"
_CLOCK = (
    rf"(?:(?P<h>{_N})(?:点钟?|时(?!间|候))(?P<half>半|一刻|三刻)?(?:(?P<m>{_N})分?)?"
    r"(?!心|子|名|击|赞|评|餐|菜|建|意|要求|\d)|"
    r"(?<![\d:.\-/])(?P<h2>[01]?\d|2[0-3]):(?P<m2>[0-5]\d)(?![\d:]))"
)
_WHEN = re.compile(
    rf"(?:(?P<day>{_DAY})|{_WEEK}|{_DATE})(?:的|\s|,)?(?:(?P<part>{_PART}))?(?:\s|的)?(?:{_CLOCK})?".replace(
        "(?P<", "(?P<a_"
    )
    + "|"
    + rf"(?:(?P<part>{_PART})\s?)?(?:{_CLOCK})".replace("(?P<", "(?P<b_")
    + rf"|(?P<in>{_N}|半)个?(?P<unit>小时|钟头|分钟|天)(?:之后|以后|后)"
)
_HOURS = {
    "凌晨": 3,
    "清晨": 6,
    "大清早": 6,
    "早上": 8,
    "早晨": 8,
    "早": 8,
    "上午": 9,
    "中午": 12,
    "正午": 12,
    "下午": 15,
    "午后": 14,
    "傍晚": 18,
    "晚上": 20,
    "晚": 20,
    "夜里": 22,
    "夜间": 22,
    "半夜": 0,
    "晚间": 20,
}
_DAYS = {"今": 0, "当": 0, "明": 1, "后": 2, "大": 3}
_EVENING = ("下午", "午后", "傍晚", "晚上", "晚", "夜里", "夜间", "晚间")


def find_when(text: str, now: datetime | None = None) -> str | None:
    """The time a folded text speaks of. ISO 8601 with offset if `now` is aware, else the words."""
    for found in _WHEN.finditer(text):
        words = found[0].strip(" ,的")
        got = {
            key.removeprefix("a_").removeprefix("b_"): value
            for key, value in found.groupdict().items()
            if value
        }
        if set(got) <= {"part"} or (
            set(got) == {"h"} and not found[0].strip().endswith(("点", "点钟", "时"))
        ):
            continue
        if now is None or now.tzinfo is None:
            return words
        moment = _moment(got, now)
        if moment is not None:
            return moment.isoformat(timespec="minutes")
    return None


def _moment(got: dict[str, str], now: datetime) -> datetime | None:
    try:
        if "in" in got:
            return _later(got, now)
        day = _day(got, now)
        part = got.get("part") or (
            got["day"][1] if got.get("day", "")[1:2] in ("早", "晚", "晨") else ""
        )
        part = "早" if part == "晨" else part
        hour, minute = _clock(got, part)
        moment = day.replace(hour=hour % 24, minute=minute, second=0, microsecond=0)
        if hour >= 24:
            moment += timedelta(days=1)
        named = any(key in got for key in ("day", "week", "dom", "dom2"))
        if not named and moment < now:
            moment += (
                timedelta(hours=12)
                if not part and hour < 12 and moment + timedelta(hours=12) >= now
                else timedelta(days=1)
            )
        return moment
    except (ValueError, OverflowError):
        return None


def _later(got: dict[str, str], now: datetime) -> datetime:
    amount = 0.5 if got["in"] == "半" else float(to_int(got["in"]) or 0)
    unit = got["unit"]
    return now + (
        timedelta(days=amount)
        if unit == "天"
        else timedelta(minutes=amount)
        if unit == "分钟"
        else timedelta(hours=amount)
    )


def _day(got: dict[str, str], now: datetime) -> datetime:
    if "day" in got:
        return now + timedelta(days=_DAYS[got["day"][0]])
    if "week" in got:
        named = got["week"]
        target = 5 if named == "末" else 6 if named in "日天" else (to_int(named) or 1) - 1
        days = target - now.weekday()
        if got.get("next", "").startswith("下"):
            return now + timedelta(days=days + 7 * got["next"].count("下"))
        return now + timedelta(days=days if days >= 0 or "next" in got else days + 7)
    if "dom" in got or "dom2" in got:
        month = to_int(got["month"]) if "month" in got else now.month
        date = to_int(got.get("dom") or got["dom2"])
        moment = now.replace(month=month or 0, day=date or 0)
        if moment.date() < now.date() - timedelta(days=180):
            moment = moment.replace(year=now.year + 1)
        return moment
    return now


def _clock(got: dict[str, str], part: str) -> tuple[int, int]:
    written = got.get("h") or got.get("h2")
    if written is None:
        return _HOURS.get(part, 9), 0
    hour = to_int(written)
    minute = to_int(got.get("m") or got.get("m2") or "0")
    if hour is None or minute is None or hour > 24 or minute > 59:
        raise ValueError(written)
    minute = {"半": 30, "一刻": 15, "三刻": 45}.get(got.get("half", ""), minute)
    if part in _EVENING and hour < 12:
        hour += 12
    if part == "中午" and hour < 3:
        hour += 12
    if part == "半夜" and hour == 12:
        hour = 24
    return hour, minute
