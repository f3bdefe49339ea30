"""Short answers: yes, no, and mere acknowledgement."""

from __future__ import annotations

import re
import unicodedata

_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_TAIL = re.compile(r"(?<=.)[的了啊呀哦噢呢吧嘛哈啦诶哒滴]+$")

_YES = frozenset(
    [
        "对",
        "对对",
        "对对对",
        "是",
        "是是",
        "是是是",
        "是这样",
        "就是",
        "正是",
        "好",
        "好好",
        "好好好",
        "行",
        "行行",
        "中",
        "成",
        "嗯",
        "嗯嗯",
        "嗯嗯嗯",
        "恩",
        "恩恩",
        "唔",
        "哦",
        "噢",
        "可以",
        "可",
        "没错",
        "不错",
        "正确",
        "确定",
        "确认",
        "同意",
        "愿意",
        "需要",
        "要",
        "想",
        "有",
        "当然",
        "必须",
        "必须的",
        "肯定",
        "没问题",
        "ok",
        "okay",
        "okey",
        "yes",
        "y",
        "yep",
        "yeah",
        "ye",
        "yup",
        "sure",
        "right",
        "correct",
        "好的呀",
        "对头",
        "要得",
        "得",
        "系",
        "系啊",
        "冇错",
        "好嘞",
        "好咧",
        "好滴",
        "好哒",
        "可行",
        "解决",
        "已解决",
        "解决了",
        "是滴",
        "没毛病",
        "就这样",
        "好的好的",
        "可以可以",
        "是我",
        "请",
        "👌",
        "👍",
        "✅",
        "🆗",
        "✓",
        "√",
        "✔",
    ]
)
_NO = frozenset(
    [
        "不",
        "不不",
        "不不不",
        "不是",
        "不对",
        "没有",
        "没",
        "算了",
        "不用",
        "不要",
        "不行",
        "不可以",
        "不可",
        "不好",
        "不同意",
        "不愿意",
        "不需要",
        "不想",
        "不了",
        "否",
        "错",
        "错了",
        "别",
        "不必",
        "未",
        "还没",
        "还没有",
        "没解决",
        "没有解决",
        "未解决",
        "不确定",
        "no",
        "n",
        "nope",
        "nah",
        "not",
        "never",
        "不正确",
        "不中",
        "不成",
        "冇",
        "唔系",
        "唔要",
        "唔使",
        "不得",
        "不是的",
        "不用了",
        "不要了",
        "不是这样",
        "不对不对",
        "不是不是",
        "没有没有",
        "取消",
        "谢谢不用",
        "不用谢谢",
        "❌",
        "✗",
        "✘",
        "👎",
        "🙅",
        "×",
    ]
)
_ACK = frozenset(
    [
        "收到",
        "收到收到",
        "已收到",
        "收",
        "已阅",
        "好",
        "好的",
        "好的好的",
        "知道",
        "知道了",
        "晓得",
        "晓得了",
        "明白",
        "明白了",
        "了解",
        "了解了",
        "清楚",
        "懂了",
        "谢谢",
        "谢谢你",
        "谢谢您",
        "谢谢大家",
        "谢谢啦",
        "多谢",
        "感谢",
        "谢了",
        "辛苦",
        "辛苦了",
        "您辛苦了",
        "嗯",
        "嗯嗯",
        "嗯嗯嗯",
        "恩",
        "恩恩",
        "哦",
        "哦哦",
        "噢",
        "行",
        "行行",
        "ok",
        "okay",
        "okey",
        "okk",
        "好嘞",
        "好咧",
        "好滴",
        "好哒",
        "好呀",
        "好吧",
        "没问题",
        "可以",
        "thanks",
        "thank",
        "you",
        "thankyou",
        "thx",
        "ty",
        "got",
        "it",
        "roger",
        "noted",
        "3q",
        "3x",
        "收到谢谢",
        "好的谢谢",
        "好谢谢",
        "收到了",
        "好的收到",
        "知道了谢谢",
        "嗯好的",
        "嗯好",
        "哦好的",
        "感谢感谢",
        "谢谢谢谢",
        "好的辛苦了",
        "收到辛苦了",
        "谢谢辛苦了",
        "辛苦辛苦",
        "👌",
        "👍",
        "🙏",
        "🆗",
        "💐",
        "🌹",
    ]
) | {"thank you", "got it", "thanks a lot", "thank you very much", "many thanks"}
_STICKER = re.compile(
    r"\[(?:ok|强|抱拳|合十|鲜花|玫瑰|握手|好的|收到|赞|微笑|鼓掌|爱心)\]", re.IGNORECASE
)


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
