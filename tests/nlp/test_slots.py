"""Places, telephone numbers, times, people, languages."""

from datetime import datetime
from time import process_time
from zoneinfo import ZoneInfo

import pytest

from nlp import Ear
from nlp.places import find_place

NOW = datetime(2025, 3, 12, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))  # a Wednesday

PLACES = """
3号楼2单元501 3/2/501
三栋二单元五零一 3/2/501
3#2-501 3/2/501
3-2-501 3/2/501
3－2－501 3/2/501
12号楼1804 12/-/1804
３栋 3/-/-
三号楼 3/-/-
5幢灯坏了 5/-/-
十二栋一单元一二零一 12/1/1201
二十三号楼三单元 23/3/-
3栋一楼灯坏了 3/-/-
3号楼2单元5楼501 3/2/501
8号楼6-723 8/6/723
B栋2单元 B/2/-
二单元501室 -/2/501
我住3号楼2门501 3/2/501
10栋2001室漏水，电话13800138000 10/-/2001
building 3 unit 2 room 501 3/2/501
电话13800138000 -/-/-
2023-10-12停水 -/-/-
花了3-501元 -/-/-
010-12345678 -/-/-
我在3楼 -/-/-
1号 -/-/-
3号上午开会 -/-/-
等了3-5天 -/-/-
东单元302太吵 -/东/302
2号搂的水压小 2/-/-
3 号楼 4 单元 1 0 0 2 断网 3/4/1002
楼号:7 单元:2 房号:301 7/2/301
三单元（2号楼）1203 2/3/1203
12栋3单元15层，1503 12/3/1503
七栋二单元十楼一零零二 7/2/1002
14幢十二零三 14/-/1203
十四杠二杠八零幺 14/2/801
11号楼-2-1203 11/2/1203
9栋B座1203 9/-/1203
甲3号楼301 甲3/-/301
12-14号楼之间 12/-/-
5栋501、502都没水 5/-/501
3号楼停电，我家5号楼2单元302也停了 5/2/302
8号楼 李奶奶 602 8/-/602
6号401室 6/-/401
15弄8号301 8/-/301
人民路12号 -/-/-
人民路1820号12号 12/-/-
和平路109-10号 10/-/-
锦绣花园6-7 6/-/7
金桥大厦1804 -/-/1804
B5-765 B5/-/765
12号门301室 -/12/301
五楼，503 -/-/503
楼上1203漏水 -/-/1203
我是1203的 -/-/1203
1604，报一下 -/-/1604
no.5 building, room 301 5/-/301
Block C unit 3 flat 12 C/3/12
bus 302 is late -/-/-
停水通知:3号楼 3/-/-
5号楼8点停水 5/-/-
5号楼3月2号停电 5/-/-
5号楼500多户 5/-/-
5号楼，13800138000 5/-/-
3号楼着火，119 3/-/-
两栋楼都没电 -/-/-
三栋楼都停水 -/-/-
数学第二单元测验 -/-/-
7座的车 -/-/-
92#汽油 -/-/-
小区200户业主 -/-/-
小区3号停水 -/-/-
3-2赢了 -/-/-
8-10点停水 -/-/-
5路车到301医院 -/-/-
502胶水哪有卖 -/-/-
104国道堵车 -/-/-
打12345没人接 -/-/-
取件码是5-2-1203 -/-/-
血压80-120正常吗 -/-/-
住120平的房子 -/-/-
广场300人跳舞 -/-/-
活动中心2023年建成 -/-/-
四门冰箱 -/-/-
2号门岗 -/-/-
"""

SPOTS = [
    ("东门口有人打架", "东门口"),
    ("地下车库B2漏水", "地下车库B2"),
    ("小区门口堵车", "小区门口"),
    ("楼道灯坏了", None),
    ("电梯坏了", None),
]

PHONES = [
    ("电话13800138000", "13800138000"),
    ("138 0013 8000", "13800138000"),
    ("+86 138-0013-8000", "13800138000"),
    ("１３８００１３８０００", "13800138000"),
    ("打010-62345678", "010-62345678"),
    ("订单号1380013800012", None),
    ("12800138000", None),
    ("3-2-501", None),
]

TIMES = [
    ("明晚八点", "2025-03-13T20:00+08:00"),
    ("后天上午", "2025-03-14T09:00+08:00"),
    ("今天下午3点", "2025-03-12T15:00+08:00"),
    ("今天下午三点半来修", "2025-03-12T15:30+08:00"),
    ("周六上午9点", "2025-03-15T09:00+08:00"),
    ("下周一", "2025-03-17T09:00+08:00"),
    ("20:30", "2025-03-12T20:30+08:00"),
    ("两小时后", "2025-03-12T12:00+08:00"),
    ("3月20日下午两点", "2025-03-20T14:00+08:00"),
    ("明天中午12点", "2025-03-13T12:00+08:00"),
    ("早上好", None),
    ("晚上吃什么", None),
    ("3点建议", None),
    ("灯坏了", None),
]

PEOPLE = [
    ("我们三个老人", 3),
    ("4个人被困", 4),
    ("一家五口都平安", 5),
    ("困了两个孩子", 2),
    ("there are 3 people inside", 3),
    ("灯坏了三天", None),
    ("找个人", None),
]

LANGUAGES = [
    ("灯坏了", "zh"),
    ("3-2-501", "zh"),
    ("👍", "zh"),
    ("我的wifi坏了", "zh"),
    ("the light is broken", "en"),
    ("電気がつきません", "ja"),
    ("불이야", "ko"),
    ("помогите", "ru"),
    ("النجدة", "ar"),
    ("ช่วยด้วย", "th"),
    ("aidez-moi au secours", "other"),
]


@pytest.mark.parametrize("line", PLACES.strip().split("\n"))
def test_place(ear: Ear, line: str) -> None:
    text, expected = line.rsplit(" ", 1)
    place = ear.hear(text).place
    assert "/".join(part or "-" for part in (place.building, place.unit, place.room)) == expected


@pytest.mark.parametrize("piece", ["1", "一", "十", "3-", "零", "杠", "3号", "3栋", "村1-", "3/"])
def test_places_are_sought_in_linear_time(piece: str) -> None:
    text = (piece * 4000)[:4000]
    begun = process_time()
    find_place(text)
    assert process_time() - begun < 0.5


@pytest.mark.parametrize(("text", "spot"), SPOTS)
def test_spot(ear: Ear, text: str, spot: str | None) -> None:
    assert ear.hear(text).place.spot == spot


def test_the_communitys_own_names_come_first(ear: Ear) -> None:
    guess = ear.hear("在东门口的望月亭集合", names=("望月亭", "Moon Hall"))
    assert guess.place.as_dict() == {"spot": "望月亭"}
    assert ear.hear("moon hall 漏水", names=("望月亭", "Moon Hall")).place.spot == "Moon Hall"


@pytest.mark.parametrize(("text", "phone"), PHONES)
def test_phone(ear: Ear, text: str, phone: str | None) -> None:
    assert ear.hear(text).phone == phone


@pytest.mark.parametrize(("text", "when"), TIMES)
def test_when(ear: Ear, text: str, when: str | None) -> None:
    assert ear.hear(text, now=NOW).when == when


def test_without_the_time_the_words_remain(ear: Ear) -> None:
    assert ear.hear("明晚八点停水").when == "明晚八点"


@pytest.mark.parametrize(("text", "people"), PEOPLE)
def test_people(ear: Ear, text: str, people: int | None) -> None:
    assert ear.hear(text).people == people


@pytest.mark.parametrize(("text", "lang"), LANGUAGES)
def test_language(ear: Ear, text: str, lang: str) -> None:
    assert ear.hear(text).lang == lang
