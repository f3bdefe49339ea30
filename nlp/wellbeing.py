"""How people are, in the few words of a sign-up list: 平安, 老人走不动, 缺药."""

from __future__ import annotations

import re

_NO_NEED = re.compile(
    r"(?:可以?|能|愿意?|我来)帮(?![我他她]).?|"
    r"(?:不|无|暂不|都不|没有?|未)(?:太|用|有|人|有人|人员)?"
    r"(?:需要?(?:帮[助忙])?|要(?:帮[助忙]|人|药|水)|帮[助忙]|求[助救]|受?伤|被困|缺|着火|进水|漏气|淹|摔|晕)"
)
"""Takes a need back: 不需要帮助, 没人受伤, 不缺药."""

_NEEDS = re.compile(
    r"需要|要(?:人|药|水|吃的|氧)|来人|快来|求(?:助|救|帮)|救命|救援|救(?:我|人|救)|帮(?:忙|助|帮|我|他|她|一下)"
    r"|受伤|伤了|摔|晕|昏|流血|骨折|高烧|发烧|喘不|胸闷|走不(?:动|了)|动不了|起不来|[下出]不(?:来|了|去)"
    r"|没反应|叫不(?:醒|应)|缺|断(?:药|粮|奶)|没有?(?:药|吃的|水喝|粮|奶粉|氧)|[药粮](?:也?快|都)?(?:没了|吃完|用完|断了)"
    r"|被困|困[在住]|失联|联系不上|没(?:人|有)应|不见了|病(?:了|重)|着火|进水|淹|漏气|(?:一个人|独自|单独)在家"
    r"|\bsos\b|\bhelp\b|\bhurt\b|\bneeds?\b",
    re.I,
)
_FRAIL = re.compile(r"卧床|轮椅|瘫|危险|行动不便")
"""A need, unless they say that they are safe."""

_NOT_SAFE = re.compile(
    r"不(?:太|怎么|很)?(?:平安|安全)|不太好|情况不好|没有?(?:平安|安全|撤|转移|[出下]来|下楼|跑出)|未(?:撤|转移)"
    r"|\bnot (?:safe|ok|okay|fine)\b",
    re.I,
)
_SAFE = re.compile(
    r"平安|安全|没事|无事|安好|无恙|[挺都很还]好|好着|正常|(?<![不没])在家|撤[离了到]|已撤|已?转移|[出下]来了|下楼了"
    r"|(?:^|[\s,，、])(?:已?到了?|在)(?:$|[\s,，。!！])|[✅✓√👌]|\b(?:safe|ok|okay|fine)\b",
    re.I,
)
_NOT_THEIR_WORD = re.compile(
    r"[?？]|吗|是否|是不是|平不平安|不知道|不清楚|没消息|祝|愿|保佑|希望|注意安全|安全(?:隐患|出口|通道|问题|第一)"
    r"|报个?平安$|不正常"
)
"""Asks or wishes that somebody be safe, and does not say that they are."""


def how_they_are(words: str) -> bool | None:
    """True: safe; False: in need, or not safe; None: the words do not say.

    A need beside a 平安 wins: somebody must look. 平安吗 and 注意安全 say nothing.
    """
    said = _NO_NEED.sub("", words)
    if _NEEDS.search(said) or _NOT_SAFE.search(said):
        return False
    if _SAFE.search(said) and not _NOT_THEIR_WORD.search(said):
        return True
    return False if _FRAIL.search(said) else None
