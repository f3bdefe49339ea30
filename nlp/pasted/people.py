"""Who a row speaks of: a name and a room at its beginning, in either order."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nlp.intents import Where
from nlp.places import find_place

WINDOW = 48
"""Characters at the beginning of a row in which name and room stand."""

_SINGLE = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏窦章苏潘葛奚范彭郎鲁韦昌马苗"
    "凤方俞任袁柳鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于傅皮卞齐康伍余元卜顾孟黄穆萧尹姚邵汪祁毛禹狄"
    "米贝明臧计伏成戴谈宋茅庞熊纪舒屈项祝董梁杜阮蓝闵席季麻强贾娄危江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡"
    "凌霍虞万支柯管卢莫房丁邓郁单杭洪包左石崔吉龚程邢裴陆荣翁荀羊甄曲封储靳段富焦巴侯全车宁仇栾甘武符刘景"
    "詹束龙叶黎白蒲邰从索赖卓屠池乔闻党翟谭劳申冉桑桂牛寿边尚温庄晏柴瞿阎连习艾容向古易慎廖居衡步耿满匡"
    "文寇广阙欧沃利越师巩聂晁敖冷简饶曾关游楚闫涂代苑付仝肖查商佟岳帅缑亢况覃辛佘谷隋邸"
)
_COMPOUND = "欧阳|上官|司马|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|夏侯|端木|南宫|独孤"
_SURNAME = rf"(?:{_COMPOUND}|[{_SINGLE}])"
_TITLE = (
    "阿姨|大爷|大妈|大娘|大叔|大伯|大姐|大哥|奶奶|爷爷|叔叔|伯伯|婶婶|大婶|师傅|老师|先生"
    "|女士|小姐|太太|主任"
    "|妈妈|爸爸|外婆|外公|婆婆|公公|医生|警官|书记|经理|叔|伯|婶|哥|姐|嫂|妈|爸|姨|爷|奶|工|总|老"
)
_TITLED = re.compile(
    rf"(?:{_SURNAME}[\u4e00-\u9fff]{{0,2}}?(?:{_TITLE})|[小老阿][{_SINGLE}](?:{_TITLE})?(?!人))"
)
_WORDS = re.compile(
    "平安|安全|安好|没事|没有|没[水电气]?|在家|在|需要|需|要|求|报名|报|都|全|已经|已|停|不"
    "|无|我|漏|缺|想|老人"
    "|孩子|小孩|家里|家|水|电|灯|门|厨房|厕所|卫生间|阳台|客厅|参加|登记|好|收到|可以|还|也"
    "|正常|撤|出|订|来"
    "|愿意|代|替|帮|有|请|这|今|昨|明|刚|外地|的|一|两|三|病|摔|受伤|被|买|药|到|楼|空调|下水"
    "|马桶|暖气|网|ok"
)
_NO_GIVEN_NAME = re.compile(
    "[没不无都在了的要有是么吗呢吧也还就被把给对和与能会很太好去来到说问请前后内外里上下]"
)
_NO_NAMES = re.compile(
    "平安|安全|安好|安排|安装|马桶|马上|马路|马铃|车[位库辆子型牌站]|路[灯面线口程边上况由]"
    "|花坛|金额|金[属针]"
    "|白[天菜色]|高[空压度层温楼中]|成[功本员]|方[便式案法向面]|于是|和平|常[常见]|严[重禁]"
    "|卫生|毛[病巾重]"
    "|包[裹装括月年间]|牛[奶肉]|黄[瓜豆油]|姜[片丝]|石[头材]|米饭|房[间号屋型租子东产]"
    "|单[元位价独]|温[度馨]"
    "|项目|计[划算]|商[品铺店]|管[道理]|明[天日早晚]|全[部家体]|关[于闭]|应急|强[度烈]"
    "|周[一二三四五六日天末围年边期]"
    "|时间|地[点址]|电[话梯灯]|水[管费压]|有[人的没些]|连[接续]|文[件明化]|国家|广[场告]"
    "|利[息用]|满[意足]"
    "|年[龄底轻初]|向[上下东西南北]|从[来]|言[论]|福[利]|通知|易[拉]|代[码办]|商[家]|区[域]"
    "|展[示]|游泳|古[代]"
    "|容[量易]|居[民委住]|步[骤行]|边[上]|景[点]|封[闭面]|程[序度]|曲[线]|宁[愿]|富[人]"
    "|万[一元]|支[付持出]"
    "|林[地]|夏[天季令]|田[地]|江[水边]|梅[雨]|麻[烦将]|纪[律念]|谈[话]|贝[壳]|乐[器]|余[额]"
    "|顾[客问]|齐[全]"
    "|师[傅]|言[语]|范围|何[时必]|许[多可]|施工|张[贴数]|陈[述]|任[务何]|费[用]|雷[雨阵]"
    "|汤[圆]|罗[列]|史[上]"
)
_HARDLY_A_NAME = re.compile(
    "[坏漏堵停没不无有了吗呢什么吧怎请谢谁哪]|平安|安全|没事|登记|接龙|报名|水管|电梯|楼道"
)

_UNMEASURED = (
    r"(?![\d.:%]|[元块角毛年月日点时分秒个斤米次度吨升伏级岁页条件份万克路k]|天(?!然|花)"
    r"|人(?![都在没均平安全])"
    r"|两(?![人个口位老孩])|小时|公[里斤分]|毫)"
)
_CN = "零〇一二三四五六七八九幺"
_MARKED = (
    rf"(?:[A-Za-z]?\d{{1,3}}|[一二三四五六七八九十]{{1,3}})(?:号楼|栋|幢|座(?!位)|#楼?)[-\s]?"
    rf"(?:(?:\d{{1,2}}|[一二三四五六七八九十]{{1,2}})(?:单元|单|门)[-\s]?|\d{{1,2}}-)?"
    rf"(?:(?:\d{{3,4}}|[{_CN}]{{3,4}})(?:室|房(?!间)|号)?)?"
    rf"|(?:\d{{1,2}}|[一二三四五六七八九十]{{1,2}})单元[-\s]?(?:(?:\d{{3,4}}"
    rf"|[{_CN}]{{3,4}})(?:室|房|号)?)?"
    r"|\d{3,4}(?:室|房(?!间|租)|号房)"
)
_DASHED = (
    r"[A-Ha-h]?\d{1,3}-\d{1,2}-\d{3,4}(?!-)|[A-Ha-h]?\d{1,3}-\d{3,4}(?!-)"
    r"|\d{1,3}/\d{1,2}/(?!20)\d{3,4}"
)
_BARE = rf"[A-Ha-h]?\d{{1,2}}(?:0[1-9]|1\d|2[0-4])|[{_CN}]{{1,2}}[零〇][{_CN}]"
_PLACE = re.compile(
    rf"(?:(?P<marked>{_MARKED})|(?P<dashed>{_DASHED})|(?P<bare>{_BARE}))(?!\d){_UNMEASURED}"
)
_PLACE_WITHIN = re.compile(rf"(?<![\dA-Za-z.])(?<!\d-){_PLACE.pattern}")
_YEAR = re.compile(r"(?:19|20)[0-2]\d")
_EMOJI = "\u2190-\u2bff\u3030\U0001f000-\U0001faff"
SEPARATORS = rf"\s,，、;；:。.()\[\]【】\-—+/|·~_*<>《》“”\"'{_EMOJI}"
_GAP = re.compile(rf"(?:[{SEPARATORS}]|业主|住户|户主|房主|姓名|房号|我是|补充|更正|更新){{0,12}}")
_RUN = re.compile(r"[\u3400-\u9fff·A-Za-z]{1,16}")


@dataclass(frozen=True, slots=True)
class Head:
    """A name and a room. `named`: the name is one by its form, not only by where it stands."""

    name: str
    named: bool
    room: Where
    end: int  # where the words begin

    @property
    def somebody(self) -> bool:
        return self.named or self.room.room is not None


def head(text: str, start: int = 0) -> Head:
    """The name and the room that a row begins with, as far as they are there."""
    piece = text[start : start + WINDOW].partition("\n")[0]
    name, named, room, at = "", False, Where(), 0
    for _ in range(4):
        gap = _GAP.match(piece, at)
        here = gap.end() if gap else at
        if room.room is None and (found := _PLACE.match(piece, here)):
            room = _joined(room, place_in(found))
            at = found.end()
            continue
        if not name and (run := _RUN.match(piece, here)):
            long = named_length(run[0])
            named = long > 0
            if not long and not room and _before_a_room(piece, run):
                long = len(run[0])
            if long:
                name, at = run[0][:long], here + long
                if piece[at : at + 1] == "家" and not piece[at + 1 : at + 2].isalpha():
                    at += 1  # 张三家 501
                continue
        break
    return Head(name, named, room, start + at)


def _before_a_room(piece: str, run: re.Match[str]) -> bool:
    """阳光 501: any word that stands before a room and tells no trouble may be a nickname."""
    gap = _GAP.match(piece, run.end())
    follows = _PLACE.match(piece, gap.end() if gap else run.end())
    return follows is not None and len(run[0]) <= 8 and not _HARDLY_A_NAME.search(run[0])


def named_length(run: str) -> int:
    """How many characters of a run are a name by their form: 张三 of 张三平安; 0: none."""
    if _NO_NAMES.match(run):
        return 0
    if found := _TITLED.match(run):
        return found.end()
    surname = re.match(_SURNAME, run)
    if surname is None:
        return 0
    if run[-1] == "家" and len(run) > surname.end() + 1:
        run = run[:-1]
    best, long = 0.0, 0
    for size in (surname.end() + 2, surname.end() + 1):
        if len(run) < size or _NO_GIVEN_NAME.search(run, surname.end(), size):
            continue
        word = _WORDS.match(run, size)
        fits = 1.5 if len(run) == size else float(word.end() - size) if word else 0.0
        if fits > best:
            best, long = fits, size
    return long


def is_name(said: str) -> bool:
    """Whether a speaker is called like a person: 张三, 王阿姨, 3-501张三, 502."""
    found = head(said)
    return found.somebody and found.end >= len(said.rstrip(" 家()"))


def find_room(text: str, start: int, end: int) -> tuple[Where, int]:
    """A room further on in a row, and where the words end if it closes them: 王五平安503."""
    piece = text[start : min(end, start + 2 * WINDOW)]
    for found in _PLACE_WITHIN.finditer(piece):
        closes = not piece[found.end() :].strip(" 。.,，、)") and len(piece) == end - start
        if closes or not found["bare"]:
            return place_in(found), start + found.start() if closes else end
    return Where(), end


def place_in(found: re.Match[str]) -> Where:
    """What a place says: 3栋2单元501, 3-2-501, 501."""
    if found["marked"]:
        return find_place(found[0].lower())
    if found["bare"]:
        if found[0].isdecimal():
            return Where(room=found[0])
        return Where(room=find_place(found[0].lower() + "室").room)
    parts = [p.upper() if p[0].isalpha() else str(int(p)) for p in re.split("[-/]", found[0])]
    return Where(parts[0], parts[1] if len(parts) > 2 else None, parts[-1])


def looks_like_a_year(room: Where) -> bool:
    """2012 alone may be a year."""
    return room.building is None and _YEAR.fullmatch(room.room or "") is not None


def _joined(first: Where, more: Where) -> Where:
    return Where(
        more.building or first.building,
        more.unit or first.unit,
        more.room or first.room,
        more.spot or first.spot,
    )
