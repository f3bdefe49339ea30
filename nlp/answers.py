"""Short answers: yes, no, and mere acknowledgement."""

from __future__ import annotations

import re
import unicodedata


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_TAIL = re.compile(r"(?<=.)[的了啊呀哦噢呢吧嘛哈啦诶哒滴]+$")
_YES = _words(
    """
    √ ✅ ✓ ✔ 中 可 哦 唔 嗯 噢 好 对 得 恩 想 成 是 有 系 行 要 请 🆗 👌 👍 不错 冇错
    可以 可行 同意 嗯嗯 好咧 好哒 好嘞 好好 好滴 对头 对对 就是 当然 必须 恩恩 愿意 是我
    是是 是滴 正是 正确 没错 确定 确认 系啊 肯定 行行 要得 解决 需要 嗯嗯嗯 好好好 好的呀
    对对对 就这样 已解决 必须的 是是是 是这样 没毛病 没问题 解决了 可以可以 好的好的 y ok ye
    yep yes yup okay okey sure yeah right correct
    """
)
_NO = _words(
    """
    × ✗ ✘ ❌ 不 冇 别 否 未 没 错 👎 🙅 不不 不中 不了 不可 不好 不对 不得 不必 不想 不成
    不是 不用 不行 不要 取消 唔使 唔系 唔要 没有 算了 还没 错了 不不不 不可以 不同意 不愿意
    不是的 不正确 不用了 不确定 不要了 不需要 未解决 没解决 还没有 不对不对 不是不是
    不是这样 不用谢谢 没有没有 没有解决 谢谢不用 n no nah not nope never
    """
)
_ACK = _words(
    """
    哦 嗯 噢 好 恩 收 行 🆗 🌹 👌 👍 💐 🙏 了解 可以 哦哦 嗯嗯 嗯好 多谢 好吧 好呀 好咧 好哒
    好嘞 好滴 好的 已阅 恩恩 感谢 懂了 收到 明白 晓得 清楚 知道 行行 谢了 谢谢 辛苦 了解了
    哦好的 嗯嗯嗯 嗯好的 好谢谢 已收到 收到了 明白了 晓得了 没问题 知道了 谢谢你 谢谢啦
    谢谢您 辛苦了 好的好的 好的收到 好的谢谢 您辛苦了 感谢感谢 收到收到 收到谢谢 谢谢大家
    谢谢谢谢 辛苦辛苦 好的辛苦了 收到辛苦了 知道了谢谢 谢谢辛苦了 3q 3x it ok ty okk thx
    okay okey noted roger thanks thankyou
    """
) | {"thank you", "got it", "thanks a lot", "thank you very much", "many thanks"}
_STICKER = re.compile(r"\[(?:ok|强|抱拳|合十|鲜花|玫瑰|握手|好的|收到|赞|微笑|鼓掌|爱心)\]")


def _bare(text: str) -> str:
    """Folded, without punctuation or blanks in or around it; symbols alone stay as they are."""
    folded = unicodedata.normalize("NFKC", text.strip()).lower()
    folded = _STICKER.sub("", folded)
    bare = re.sub(r"[\s,，。.!！?~～、…]+", " " if folded.isascii() else "", folded).strip()
    stripped = _EDGES.sub("", bare)
    return stripped or re.sub(r"[\ufe0f\U0001f3fb-\U0001f3ff\s]", "", folded)


def _asks(text: str) -> bool:
    return "?" in text or "？" in text


def yes_no(text: str) -> bool | None:
    """True for a yes, False for a no, None for anything else."""
    if len(text) > 24 or _asks(text):
        return None
    bare = _bare(text)
    for form in (bare, _TAIL.sub("", bare)):
        if form in _NO:
            return False
        if form in _YES:
            return True
    if bare and len(set(bare)) == 1 and bare[0] in _YES | _NO:  # 对对对对, 👍👍
        return bare[0] in _YES
    return None


def is_ack(text: str) -> bool:
    """Whether the text only says that the other's words arrived (收到, 好的, 谢谢, 👌)."""
    if len(text) > 40 or _asks(text):
        return False
    bare = _bare(text)
    if not bare:
        return bool(_STICKER.search(text))
    if bare in _ACK or _TAIL.sub("", bare) in _ACK:
        return True
    return len(set(bare)) == 1 and bare[0] in _ACK
