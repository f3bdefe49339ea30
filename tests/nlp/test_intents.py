"""What residents want, in the many ways they say it."""

# ruff: noqa: E501 (tables)

import pytest

from nlp import CATEGORIES, Ear, Guess, Intent

SAID = {
    Intent.CHECK_IN: "平安 报平安 我们都平安 一家五口都平安 我没事 家里一切都好 全家安全 我和老伴都没事 我们都好 已经安全撤离 人没事",
    Intent.HELP_ASK: "谁能帮我买菜 谁家有梯子借一下 有没有人能陪我妈去医院 没药了 哪位邻居能帮忙接一下孩子 求帮忙 "
    "帮我买点菜 需要帮助 家里没吃的了 谁有轮椅借用一下 急需胰岛素 求助 腿脚不便想请人帮忙买药 奶粉没了 谁能送老人去医院 有没有人能帮忙搬一下东西",
    Intent.HELP_OFFER: "我可以帮忙送老人去医院，我有车 我可以帮大家买菜 需要帮忙找我 我家有发电机可以借 免费提供热水和充电 "
    "我有车能送人 我会理发，可以帮老人免费理发 我报名当志愿者 有需要的联系我 我来帮忙搬 算我一个",
    Intent.RUMOUR: "听说要停水三天是真的吗 网上说自来水有毒，真的假的 群里说明天封路，属实吗 这是谣言吗 有这回事吗 听说小区要拆迁是不是真的 求辟谣",
    Intent.HUMAN: "人工 转人工 找个人 我要找你们主任 找人工客服 我想跟工作人员说话 有人在吗 来个人 我不想跟机器人说话 人工服务",
    Intent.QUESTION: "物业电话多少 几点上班 怎么办居住证 居委会在哪里 停水了吗 今天停电吗 什么时候来水 请问医保怎么报销 "
    "社区医院几点开门 办老年证需要什么材料 垃圾分类怎么分 暂住证在哪办 物业费怎么交 今天几号收垃圾啊？ 周末有人上班吗 打疫苗去哪里",
    Intent.CHAT: "你好 早上好 谢谢 谢谢你们 收到 好的 嗯嗯 哈哈哈 👍 😂😂 晚安 在吗 辛苦了 今天天气真好 我手机没电了 晚上吃什么 他水平不行，没水平 "
    "明天一起去公园 刚下班 ok 周末愉快",
}

APPEALS = {
    "water": "又停水了,家里没水,没水了,自来水发黄,水压太小了,水龙头一直滴水关不上,停水两天了,水费怎么突然多了这么多太不合理",
    "power": "灯坏了,路灯不亮,楼道灯坏了三天没人修,又停电了,楼道里漆黑一片没有灯,整栋楼停电了,跳闸了,声控灯不亮了,电表箱坏了",
    "gas_heat": "暖气不热,暖气一点不热，家里冻死了,暖气片冰凉,没暖气,屋里只有十二度,燃气不通",
    "lift": "电梯坏了,电梯又停了,2号楼电梯老出故障,电梯按钮失灵,电梯一直抖,建议给老楼加装电梯",
    "building": "漏水了,楼上漏水漏到我家,卫生间天花板渗水,下水道堵了,单元门坏了关不上,墙皮掉了,井盖松了,马桶返水,健身器材断了,门禁刷不开坏了",
    "sanitation": "垃圾没人收,垃圾桶满了,楼道太脏了没人打扫,小区里好多老鼠,垃圾堆了好几天臭死了,楼道里堆满杂物",
    "greening": "树枝挡住窗户了,草坪枯死了,绿化带没人管,大树倒了挡路,有人在绿化带种菜",
    "noise": "楼上装修吵死了,半夜跳广场舞,噪音太大睡不着,隔壁天天晚上唱歌吵得睡不着,工地半夜施工,楼上太吵了",
    "parking": "车位被占了,有车停在消防通道,没地方停车,小区乱停车,有辆车堵住了单元门口,僵尸车没人管",
    "traffic": "路上有个大坑,红绿灯坏了,路面坑坑洼洼,公交车太少了等半天",
    "safety": "高空抛物,灭火器过期,消防通道被堵了,电动车在楼道充电,电瓶车推进电梯,监控坏了,飞线充电太多了,楼上往下扔烟头",
    "pets": "遛狗不拴绳,狗叫了一晚上,有人养鸡太臭了,流浪狗追人",
    "property": "物业不作为,物业费乱收,物业电话没人接,保安睡觉不管事,投诉物业",
    "welfare": "低保一直没发,拖欠工资,养老金没到账",
    "commerce": "超市卖过期食品,健身房跑路了不退钱,占道经营没人管",
}

FORMS = [
    "楼道灯什么时候修",
    "电梯怎么还没人修",
    "垃圾到底谁来管",
    "灯坏了怎么办",
    "麻烦派人修一下水管",
    "我要投诉",
    "建议在门口装个路灯",
    "希望物业尽快处理漏水问题",
    "反映一个问题，路灯坏了",
    "the light in the corridor is broken",
    "no water since this morning",
    "the lift is out of order",
    "garbage has not been collected for days",
    "电梯壞了",
    "电 梯 坏 了",
    "ＷＣ的灯坏了",
]

ENGLISH = [
    ("we are all safe", Intent.CHECK_IN),
    ("can anyone lend me a ladder", Intent.HELP_ASK),
    ("is anyone able to take my mother to hospital", Intent.HELP_ASK),
    ("I can help, I have a car", Intent.HELP_OFFER),
    ("is it true that the water is poisoned", Intent.RUMOUR),
    ("I want to talk to a human", Intent.HUMAN),
    ("who do I call for a new key", Intent.QUESTION),
    ("what time is the office open", Intent.QUESTION),
    ("hello", Intent.CHAT),
    ("thank you", Intent.CHAT),
]


@pytest.mark.parametrize(
    ("intent", "text"), [(intent, text) for intent, said in SAID.items() for text in said.split()]
)
def test_intent(ear: Ear, intent: Intent, text: str) -> None:
    guess = ear.hear(text)
    assert guess.intent is intent, guess.why
    assert guess.score >= 0.5


@pytest.mark.parametrize(
    ("category", "text"),
    [(name, text) for name, said in APPEALS.items() for text in said.split(",")],
)
def test_appeal_and_category(ear: Ear, category: str, text: str) -> None:
    guess = ear.hear(text)
    assert guess.intent is Intent.APPEAL, guess.why
    assert guess.category == category
    assert guess.score >= 0.6


@pytest.mark.parametrize("text", FORMS)
def test_other_forms_of_appeal(ear: Ear, text: str) -> None:
    guess = ear.hear(text)
    assert guess.intent is Intent.APPEAL, guess.why
    assert guess.category in CATEGORIES


@pytest.mark.parametrize(("text", "intent"), ENGLISH)
def test_english(ear: Ear, text: str, intent: Intent) -> None:
    guess = ear.hear(text)
    assert guess.intent is intent, guess.why
    assert guess.lang == "en"


@pytest.mark.parametrize(
    "text", ["灯修好了，谢谢", "来水了，谢谢师傅", "电梯没坏", "没有漏水", "楼道灯已经修好了"]
)
def test_what_is_mended_is_no_appeal(ear: Ear, text: str) -> None:
    assert ear.hear(text).intent is not Intent.APPEAL


def matters(guess: Guess) -> list[tuple[str, str | None]]:
    return [(part.intent.value, part.category) for part in guess.parts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("灯坏了。另外物业电话多少？", [("appeal", "power"), ("question", None)]),
        (
            "12号楼1804漏水，另外垃圾三天没人收了",
            [("appeal", "building"), ("appeal", "sanitation")],
        ),
        ("电梯坏了；还有楼道灯不亮", [("appeal", "lift"), ("appeal", "power")]),
        ("困在电梯里两个小时了没人管", []),
        ("楼道灯坏了。三天了都没人修。", []),
        ("你好！灯坏了。谢谢！", []),
        ("灯坏了", []),
    ],
)
def test_parts(ear: Ear, text: str, expected: list[tuple[str, str | None]]) -> None:
    assert matters(ear.hear(text)) == expected


def test_the_first_part_by_precedence_leads(ear: Ear) -> None:
    guess = ear.hear("楼道灯不亮。还有，3栋着火了！")
    assert guess.intent is Intent.EMERGENCY
    assert {part.intent for part in guess.parts} == {Intent.EMERGENCY, Intent.APPEAL}
    assert guess.place.building == "3"


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("3栋停水了", "water"),
        ("3-2-501停水了", "water"),
        ("三栋又停电", "power"),
        ("西苑没电了", "power"),
        ("3栋2单元停电了！", "power"),
    ],
)
def test_a_place_before_what_is_missing_is_a_report(text: str, category: str, ear: Ear) -> None:
    heard = ear.hear(text)
    assert (heard.intent, heard.category) == (Intent.APPEAL, category)


@pytest.mark.parametrize("text", ["3栋停水了吗", "3号手机没电了"])
def test_a_question_or_a_phone_is_none(text: str, ear: Ear) -> None:
    assert ear.hear(text).intent is not Intent.APPEAL
