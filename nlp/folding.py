"""One form for what is written in many: width, case, blanks, traditional characters."""

from __future__ import annotations

import re
from typing import NamedTuple

LIMIT = 4000
"""How many characters of a message are looked at; no resident's message is longer."""

_TRADITIONAL = (
    "電气氣燈壞著煙來沒無樓號單區門東廣場車庫幫誰們聽說嗎嚴麼時個這裡裏隻條過還發現間開關請問應該"
    "員業違規擾聲響噪亂雜倉潔運輸鐵圍牆築漏滴溝噴損壓線網絡繳費錢買賣藥醫護養課學師長"
    "歲顧兒媽爺嬸親戚認識點鐘週後頭體難題訴報警緊險災傷斷鏽鎖鑰頂樹鬧貓鴨鷄魚鳥擋塞塌陷"
    "垃圾飯餐廳濕幹乾塵污濁舊廢爛髒掃蓋棄滅災撲殺砍劫搶偷騙從對於與為爲會議決辦證檔轉達讓給總"
)
_SIMPLIFIED = (
    "电气气灯坏着烟来没无楼号单区门东广场车库帮谁们听说吗严么时个这里里只条过还发现间开关请问应该"
    "员业违规扰声响噪乱杂仓洁运输铁围墙筑漏滴沟喷损压线网络缴费钱买卖药医护养课学师长"
    "岁顾儿妈爷婶亲戚认识点钟周后头体难题诉报警紧险灾伤断锈锁钥顶树闹猫鸭鸡鱼鸟挡塞塌陷"
    "垃圾饭餐厅湿干干尘污浊旧废烂脏扫盖弃灭灾扑杀砍劫抢偷骗从对于与为为会议决办证档转达让给总"
)
_TABLE = str.maketrans(_TRADITIONAL, _SIMPLIFIED)
_TABLE |= {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0xA0: 0x20}
_TABLE |= str.maketrans("﹟﹣－–—−·", "#------")
_DROPPED = re.compile(
    "[\u200b-\u200f\u2060\ufeff\x00-\x08]+|(?<=[\u4e00-\u9fff])[ \t]+(?=[\u4e00-\u9fff])"
)


class Folded(NamedTuple):
    """`text` to match on, and for each of its characters where it stood in the original."""

    text: str
    origin: list[int] | None

    def at(self, index: int) -> int:
        """The place in the original of the folded character `index`."""
        if self.origin is None:
            return index
        return self.origin[index] if index < len(self.origin) else self.origin[-1] + 1


def fold(text: str) -> Folded:
    """The first `LIMIT` characters of a text: half width, lower, simplified, unspaced."""
    head = "".join(c if len(c.lower()) > 1 else c.lower() for c in text[:LIMIT].translate(_TABLE))
    if not _DROPPED.search(head):
        return Folded(head, None)
    kept = [True] * len(head)
    for found in _DROPPED.finditer(head):
        kept[found.start() : found.end()] = [False] * (found.end() - found.start())
    origin = [index for index, keep in enumerate(kept) if keep]
    return Folded("".join(head[index] for index in origin), origin or None)
