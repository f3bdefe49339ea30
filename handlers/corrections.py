"""What staff say of a case's kind: 12 这是求助, 不是诉求是求助, 这不是险情, 12 改成 停车."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from handlers.words import Words
from nlp import CATEGORIES, Intent

KINDS = {
    Intent.EMERGENCY: "险情|警情|危险|紧急(?:情况)?",
    Intent.HELP_ASK: "求助|邻里互助|互助|(?:请|找)邻居帮忙",
    Intent.APPEAL: "诉求|报修|投诉",
    Intent.QUESTION: "咨询|提问|问题|问个?事",
    Intent.CHAT: "闲聊|聊天|闲话",
}
NUMBER = re.compile(r"(?:#?(\d{1,9})号?[\s,:]*)?(.*)", re.DOTALL)
THIS = r"(?:这|那|它|这个|这条|这件|这件事)?(?:其实|应该|本来)?就?"
KIND = "(" + "|".join(KINDS.values()) + ")"
BETWEEN = r"[\s,;.]*(?:而|应该|其实|这)?就?"
IS = re.compile(rf"{THIS}是{KIND}(?:{BETWEEN}不是{KIND})?")
IS_NOT = re.compile(rf"{THIS}不是{KIND}(?:{BETWEEN}是{KIND})?")
INTO = re.compile(r"(?:(?:类别|分类)?(?:改成|改为|换成)|(?:类别|分类)是?)[\s:]*(\S{2,8})")
ENDS = " \t\r\n。.!?~,、"


@dataclass(frozen=True)
class Correction:
    """`intent` and `category` say what it is, `besides` what it is not; each may be unsaid."""

    number: int | None = None
    intent: Intent | None = None
    besides: Intent | None = None
    category: str | None = None

    def fits(self, about: str) -> bool:
        """Whether it may speak of "appeal:17". An alarm rests only on a plain 不是险情."""
        kind = about.partition(":")[0]
        if kind == "incident":
            return self.besides is Intent.EMERGENCY
        return kind in ("appeal", "help_request")

    def opening(self) -> dict[str, str]:
        """What the matter that acts on it begins with."""
        return {
            "number": "" if self.number is None else str(self.number),
            "intent": str(self.intent or ""),
            "besides": str(self.besides or ""),
            "category": self.category or "",
        }


def read_correction(text: str, words: Words) -> Correction | None:
    """The correction that is the whole text; None lets words meant for a resident reach them.

    "这是险情" is none either: a danger is heard as any danger is.
    """
    found = NUMBER.fullmatch(unicodedata.normalize("NFKC", text).strip(ENDS))
    if found is None:
        return None
    number, rest = int(found[1]) if found[1] else None, found[2]
    into = INTO.fullmatch(rest)
    if into:
        category = _category(into[1], words)
        intent = Intent.APPEAL if category else _kind(into[1])
        if intent in (None, Intent.EMERGENCY):
            return None
        return Correction(number, intent, None, category)
    said, denied = IS.fullmatch(rest), IS_NOT.fullmatch(rest)
    if said is not None:
        intent, besides = _kind(said[1]), _kind(said[2])
    elif denied is not None:
        intent, besides = _kind(denied[2]), _kind(denied[1])
    else:
        return None
    if intent is Intent.EMERGENCY or intent is besides:
        return None
    return Correction(number, intent, besides)


def _kind(word: str | None) -> Intent | None:
    return next((kind for kind, names in KINDS.items() if re.fullmatch(names, word or "")), None)


def _category(word: str, words: Words) -> str | None:
    """By the name the community uses or ours, or by a part no other has: 卫生 is 卫生垃圾."""
    ours = Words("zh-CN", words.zone, {})
    names = {ours.category(name): name for name in CATEGORIES}
    names |= {words.category(name): name for name in CATEGORIES}
    if word in names:
        return names[word]
    near = {name for label, name in names.items() if word in label}
    return near.pop() if len(near) == 1 else None
