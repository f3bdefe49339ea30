"""What else a message tells: a phone number, how many people, which language."""

from __future__ import annotations

import re

from nlp.numerals import to_int

_MOBILE = re.compile(r"(?<!\d)(?:\+?86[\s-]?)?(1[3-9]\d[\s-]?\d{4}[\s-]?\d{4})(?!\d)")
_LANDLINE = re.compile(r"(?<!\d)(0\d{2,3}[\s-]?[1-9]\d{6,7}|400[\s-]?\d{3}[\s-]?\d{4})(?!\d)")
_SHORT = re.compile(r"(?:电话|座机|打|phone|call)[^\d]{0,4}([2-9]\d{6,7})(?!\d)")

_N = r"(\d{1,4}|[一二三四五六七八九十百两仨俩]{1,4})"
_PEOPLE = re.compile(
    rf"一家(?:老小|子)?{_N}口|{_N}口人|(?:我们|咱们|共|一共|总共|有|还有|困了?|住了?){_N}(?:个|位|名)(?:多)?"
    rf"(?:人|老人|大人|孩子|小孩|居民|病人|伤员)"
    rf"|{_N}(?:个|位|名)(?:多)?(?:人|老人|老年人|大人|大爷|大妈|孩子|小孩|居民|病人|伤员|群众|邻居)|"
    rf"{_N}人(?:被困|受伤|吃饭|份)|我们(俩|仨)"
    rf"|(?<!\d)(\d{{1,3}}) (?:people|persons|adults|of us)"
)

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af\u1100-\u11ff]")),
    ("zh", re.compile(r"[\u3400-\u9fff\U00020000-\U0002ffff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("bo", re.compile(r"[\u0f00-\u0fff]")),
    ("mn", re.compile(r"[\u1800-\u18af]")),
    ("ug", re.compile(r"[\ufb50-\ufdff]")),
)
_LATIN = re.compile(r"[a-z\u00c0-\u024f]")
_ENGLISH = re.compile(
    r"\b(?:the|is|are|i|my|we|you|to|in|on|of|and|a|help|please|no|not|there|this|that|hello|hi|"
    r"thanks|ok|okay|yes|fire|water|light|lift|elevator|what|when|where|who|how|can|it|any)\b"
)


def find_phone(text: str) -> str | None:
    """Digits only for a mobile; a landline as `010-12345678` was written, blanks taken out."""
    if found := _MOBILE.search(text):
        return re.sub(r"\D", "", found[1])
    if found := _LANDLINE.search(text) or _SHORT.search(text):
        return re.sub(r"[\s]", "", found[1])
    return None


def find_people(text: str) -> int | None:
    """How many people a message speaks of: 我们三个老人, 一家五口, 困了4个人."""
    for found in _PEOPLE.finditer(text):
        written = next((group for group in found.groups() if group), "")
        if number := to_int(written):
            return number
    return None


def find_language(text: str) -> str:
    """zh, en, another code by script, or `other`; a text without letters is zh."""
    head = text[:400]
    counts = {code: len(script.findall(head)) for code, script in _SCRIPTS}
    if counts["ja"] >= 2 and counts["ja"] * 4 >= counts["zh"]:
        return "ja"
    counts["ja"] = 0
    latin = len(_LATIN.findall(head))
    best = max(counts, key=lambda code: counts[code])
    if counts[best] and (counts["zh"] * 4 >= latin if best == "zh" else counts[best] * 2 >= latin):
        return best
    if latin < 2:
        return "zh"
    if _ENGLISH.search(head):
        return "en"
    return "other" if latin > 3 and not counts["zh"] else "zh"
