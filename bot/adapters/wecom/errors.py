"""What 企业微信's errcodes mean: each becomes one Fail."""

from __future__ import annotations

from typing import Any

from bot.adapters import tencent
from bot.adapters.base import Fail, Sent

# Seconds: most limits are by the minute.
WAITS = {45009: 60.0, 45033: 5.0, 41063: 60.0, 95003: 60.0}
FAILS: dict[int, Fail] = {
    # The credentials, the app, or where we call from
    **dict.fromkeys((40001, 40014, 42001, 42007), Fail.CONFIG),  # still, with a fresh token
    **dict.fromkeys((40013, 40056, 40091, 41001, 41002, 41004, 41011), Fail.CONFIG),
    **dict.fromkeys((50001, 50002, 50003, 60011, 60020, 301002), Fail.CONFIG),
    # Too much, or not now
    **dict.fromkeys((-1, 6000, 45011, 50005), Fail.RETRY),
    **dict.fromkeys(WAITS, Fail.THROTTLED),
    # Nobody there: members
    **dict.fromkeys((40003, 60111, 81013, 82001), Fail.GONE),
    # … customers: not one of ours any more
    **dict.fromkeys((40096, 84061), Fail.GONE),
    # … group robots: a key nobody knows, stopped, taken out of its group
    **dict.fromkeys((93000, 93004, 93008), Fail.GONE),
    # 微信客服: its account or its permission
    **dict.fromkeys((95000, 95004, 95011, 95012, 95017), Fail.CONFIG),
    # … 5 messages, 48 hours, sessions that ended or are in a person's hands, welcome codes
    **dict.fromkeys((95001, 95002, 95013, 95016, 95018, 41050, 41051), Fail.WINDOW),
    95007: Fail.RETRY,  # an event's token that is too old: asked again without
}
BY_MSGID = ("/cgi-bin/kf/send_msg", "/cgi-bin/kf/send_msg_on_event")


def fail_of(code: int) -> Sent:
    """What is not in the table is this message's own fault: it can never be sent."""
    return Sent(fail=FAILS.get(code, Fail.REJECTED), retry_after=WAITS.get(code, 0.0))


class Api(tencent.Api):
    """Knows that a msgid which was taken before is a success."""

    async def ask(self, method: str, path: str, **what: Any) -> dict[str, Any]:
        answer = await super().ask(method, path, **what)
        # Which errcode a repeat has is written nowhere. Ours are well formed, so whatever is
        # said against one is that.
        if path in BY_MSGID and _is_repeat(answer):
            return {"errcode": 0}
        return answer


def _is_repeat(answer: dict[str, Any]) -> bool:
    code = tencent.code_of(answer)
    return bool(code) and code not in FAILS and "msgid" in str(answer.get("errmsg", "")).lower()
