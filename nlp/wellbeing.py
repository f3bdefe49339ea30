"""How people are, in the few words of a sign-up list: 平安, 老人走不动, 缺药."""

from __future__ import annotations

import re

_NO_NEED = re.compile(
    r"(?:不|无|暂不|都不|没有?|未)(?:太|用|有|人|有人|人员)?"
    r"(?:需要?(?:帮[助忙])?|要(?:帮[助忙])|帮[助忙]|求[助救]|受?伤|被困|缺)"
)
"""Takes a need back: 不需要帮助, 没人受伤, 不缺药."""

_NEEDS = re.compile(
    r"需要|求(?:助|救|帮)|救命|救援|救(?:我|人|救)|帮(?:忙|助|帮|我|他|她|一下)|受伤|伤了|摔|晕|昏|流血|骨折"
    r"|高烧|发烧|喘不|胸闷|走不(?:动|了)|动不了|起不来|[下出]不(?:来|了|去)|没反应|叫不(?:醒|应)"
    r"|缺|断(?:药|粮|奶)|没有?(?:药|吃的|水喝|粮|奶粉|氧)|[药粮](?:也?快|都)?(?:没了|吃完|用完|断了)"
    r"|被?困(?!难)|失联|联系不上|没(?:人|有)应|不见了|病(?:了|重)|着火|进水|淹|漏气"
    r"|\bsos\b|\bhelp\b|\bhurt\b|\bneeds?\b",
    re.I,
)
_FRAIL = re.compile(r"卧床|轮椅|瘫|危险|行动不便")
"""A need, unless they say that they are safe."""

_NOT_SAFE = re.compile(
    r"不(?:太|怎么|很)?(?:平安|安全|好)|没有?(?:平安|安全|撤|转移|[出下]来|下楼|跑出)|未(?:撤|转移)"
    r"|还没|\bnot (?:safe|ok|okay|fine)\b",
    re.I,
)
_SAFE = re.compile(
    r"平安|安全|没事|无事|安好|无恙|[挺都很还]好|好着|正常|在家|撤[离了到]|已撤|已?转移|[出下]来了|下楼了"
    r"|(?:^|[\s,，、])(?:已?到了?|在|好的?|收到|\+1)(?:$|[\s,，。!！])|[✅✓√👌]|\b(?:safe|ok|okay|fine)\b",
    re.I,
)


def how_they_are(words: str) -> bool | None:
    """True: safe; False: in need, or not safe; None: the words do not say.

    A need beside a 平安 wins: somebody must look.
    """
    said = _NO_NEED.sub("", words)
    if _NEEDS.search(said) or _NOT_SAFE.search(said):
        return False
    if _SAFE.search(said):
        return True
    return False if _FRAIL.search(said) else None
