"""Danger now, and all that only sounds like it."""

import pytest

from nlp import Ear, Intent, Urgency

LIFE = """
fire 着火了
fire 着火了！快来人
fire 3号楼2单元501着火了，快来人啊
fire 楼道里全是烟，喘不过气
fire 一开门全是烟
fire 隔壁厨房冒黑烟了
fire 我家着火了怎么办！
fire 好像是五楼起火了
fire 电瓶车烧着了
fire 配电箱在冒烟
fire 我家插座冒烟了咋办啊
fire 家里電線著火了
fire 着 火 了 救 命
gas 一股煤气味，好难闻
gas 厨房煤气泄漏了
gas 楼道里有很大的天然气味
gas 燃气报警器一直响
shock 有人触电了
shock 我爸被电打了
shock 电线掉在地上，旁边好多小孩
collapsed 怎么喊都没反应
collapsed 老人晕倒了
collapsed 我妈摔倒起不来了
collapsed 摔下去就没起来
collapsed 他突然倒在地上口吐白沫
collapsed 爷爷心脏病犯了
collapsed 叫不醒我老伴了
collapsed 隔壁王奶奶敲门没反应
collapsed 有人受伤了流了好多血
collapsed 孩子吃东西噎住了
collapsed 快叫救护车
missing 我家孩子走丢了
missing 老人走失一天了，穿蓝色外套
missing 奶奶不见了
violence 有人拿刀砍人
violence 楼下打起来了
violence 有人在撬我家门
violence 我老公又在家暴我
self_harm 有人要跳楼
self_harm 我不想活了
self_harm 有个女的坐在楼顶
falling 楼上掉下来的花盆砸到人了
falling 围墙塌了
falling 孩子从三楼掉下来了
fire 大家小心，3栋着火了！
fire 插座短路导致着火了
fire 家里没人，着火了
collapsed 我妈妈在活动室旁边走路的时候突然晕倒了，现在叫也叫不醒，麻烦你们赶紧派人过来看看
missing 敲门也没人应，老人独居
collapsed 小孩掉河里了
self_harm 喝农药了
self_harm 活着真没意思
rescue 救命啊
rescue 救命！！！
rescue SOS
fire help! fire!
fire there is a fire in the kitchen
collapsed my mother fainted
gas I smell gas in the corridor
collapsed someone is not breathing
"""

URGENT = """
trapped 电梯困人了
trapped 我被困在电梯里了
trapped 困在电梯里两个小时了没人管
trapped 我们四个人被困在电梯里
trapped 孩子反锁在屋里了
flood 水管爆了，水漫到客厅了
flood 家里被淹了
flood 地下车库进水了，水深半米
flood 楼上水管爆了哗哗往下流水
trapped stuck in the lift
"""

NO_DANGER = """
没有着火，别担心
没有煤气味
没有漏气
累死了
热死了
笑死我了
吓死宝宝了
晚上吃火锅吗
我上火了
别发火
坐火车回去
今晚放烟花
生意红火
手机电死了
我要疯了
饿晕了
困得起不来
早上起不来床
气得我都冒烟了
脑袋要爆炸了
电脑死机了
消防演练几点开始
明天上午消防演练，请大家配合
地震演习
如果着火了怎么办
煤气泄漏怎么处理
触电了怎么急救
去年我们楼着过火
昨天着火已经扑灭了
这部电影里有人跳楼
游戏里被砍死了
梦见着火了
昨晚做梦地震了
灭火器过期了
高空抛物太危险了
电线裸露在外面，怕小孩触电
电动车在楼道充电，万一着火怎么办
要是着火了往哪跑
电梯坏了
电梯停了
注意防火
小心触电
跳楼价甩卖
防溺水宣传
听说3栋着火了，是真的吗
想死你了
救命恩人
晕车了
天塌下来我顶着
股票跌得起不来
狗丢了
钱包丢了
找不到人修
煤气灶打不着火
我们吃着火锅聊天
他站在靠着火车站的地方
手机中毒了
你别老玩失踪
气得我想杀人
楼下烧烤店油烟熏得开不了窗
短路容易引起火灾
你失踪了吗
烟头到处扔
有人在楼道抽烟，烟味很大
"""


def rows(table: str) -> list[tuple[str, str]]:
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in table.strip().split("\n")]


@pytest.mark.parametrize(("kind", "text"), rows(LIFE))
def test_life_is_at_stake(ear: Ear, kind: str, text: str) -> None:
    guess = ear.hear(text)
    assert guess.intent is Intent.EMERGENCY
    assert guess.urgency is Urgency.LIFE
    assert guess.danger == kind
    assert guess.score >= 0.6


@pytest.mark.parametrize(("kind", "text"), rows(URGENT))
def test_danger_that_can_wait_minutes(ear: Ear, kind: str, text: str) -> None:
    guess = ear.hear(text)
    assert guess.intent is Intent.EMERGENCY
    assert guess.danger == kind
    assert guess.urgency is Urgency.URGENT


@pytest.mark.parametrize("text", NO_DANGER.strip().split("\n"))
def test_no_alarm(ear: Ear, text: str) -> None:
    guess = ear.hear(text)
    assert guess.intent is not Intent.EMERGENCY, guess.why
    assert guess.danger is None


def test_a_hazard_that_has_not_struck_is_an_urgent_appeal(ear: Ear) -> None:
    guess = ear.hear("电线裸露在外面，怕小孩触电")
    assert (guess.intent, guess.category, guess.urgency) == (
        Intent.APPEAL,
        "safety",
        Urgency.URGENT,
    )


def test_doubt_keeps_both_readings(ear: Ear) -> None:
    guess = ear.hear("如果着火了怎么办")
    assert guess.intent is Intent.QUESTION
    assert Intent.EMERGENCY in dict(guess.readings)
