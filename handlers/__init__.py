"""THE DECISIONS: what the bot says and does, one file a matter. This is the table of contents."""

from __future__ import annotations

from handlers import (
    appeal,
    channel,
    console,
    help,
    incident,
    media,
    menu,
    notice,
    register,
    rollcall,
    standing,
    talk,
)
from handlers.turn import Contents

MATTERS = {
    # what the ear hears
    "emergency": incident.emergency,
    "check_in": rollcall.safe,
    "help_ask": help.help_ask,
    "help_offer": help.help_offer,
    "help_words": help.words_between,
    "rumour": channel.rumour,
    "human": channel.human,
    "appeal": appeal.appeal,
    "question": channel.question,
    "chat": talk.chat,
    # residents
    "welcome": register.welcome,
    "bind": register.bind,
    "at_home": register.at_home,
    "menu": menu.menu,
    "undo": talk.undo,
    "clarify": talk.clarify,
    "case_words": appeal.resident_says,
    "which": talk.which,
    "answer_chosen": standing.answer_chosen,
    "not_staff": talk.not_staff,
    "media": media.media,
    "my_appeals": appeal.my_appeals,
    "my_data": register.my_data,
    "stop_notices": register.stop_notices,
    "resume_notices": register.resume_notices,
    "received": notice.received,
    "ask_danger": incident.ask_danger,
    "emergency_kind": incident.emergency_kind,
    "stand_down": incident.stand_down_mine,
    "seems_over": incident.seems_over,
    "group_question": channel.group_question,
    # staff
    "to_do": appeal.to_do,
    "staff_accept": appeal.accept,
    "staff_reply": appeal.reply,
    "staff_hand_on": appeal.hand_on,
    "staff_done": appeal.done,
    "staff_words": channel.choose_case,
    "answer_clock": channel.answer_clock,
    "settle_clock": channel.settle_clock,
    "i_go": incident.i_go,
    "all_well": incident.all_well,
    "rollcall_start": rollcall.start,
    "rollcall_situation": rollcall.situation,
    "rollcall_end": rollcall.end,
    "rollcall_again": rollcall.again,
    "notice_compose": notice.compose,
    "notice_situation": notice.situation,
    "notice_schedule": notice.scheduled,
    "notice_stop": notice.stopped,
    "vouch": register.vouch,
    "unanswered": channel.unanswered,
    "console_link": console.console_link,
}
COMMANDS = {
    **dict.fromkeys(
        ("报修", "我要报修", "我想报修", "投诉", "我要投诉", "我想投诉", "反映问题", "report"), "appeal"
    ),
    "菜单": "menu", "menu": "menu", "返回": "menu", "back": "menu", "0": "menu", "帮助": "menu",
    "取消": "cancel", "cancel": "cancel", "人工": "human", "转人工": "human", "human": "human",
    "错了": "undo", "undo": "undo", "wrong": "undo",
    "我的诉求": "my_appeals", "my reports": "my_appeals", "求助": "help_ask", "help": "help_ask",
    "我来帮": "help_offer", "平安": "check_in", "safe": "check_in",
    "收到": "received", "got it": "received",
    "退订": "stop_notices", "stop": "stop_notices", "恢复": "resume_notices",
    "resume": "resume_notices", "我的资料": "my_data", "my data": "my_data",
}  # fmt: skip
STAFF_COMMANDS = {
    "待办": "to_do", "受理": "staff_accept", "回复": "staff_reply", "转交": "staff_hand_on",
    "办结": "staff_done", "点名": "rollcall_start", "点名情况": "rollcall_situation",
    "结束点名": "rollcall_end", "发通知": "notice_compose", "通知情况": "notice_situation",
    "未回应": "unanswered", "控制台": "console_link", "收到,我去": "i_go", "收到我去": "i_go",
}  # fmt: skip
ANSWERS = {
    "appeal.offered": appeal.next_step,
    "appeal.next": appeal.next_step,
    "appeal.solved": appeal.solved,
    "appeal.handed": appeal.handed,
    "incident.confirm": incident.confirm,
    "incident.take": incident.taking,
    "incident.close": incident.closing,
    "rollcall.checkin": rollcall.answered,
    "help.take": help.take,
    "help.agree": help.agree,
    "help.done": help.done,
    "help.worker": help.worker_takes,
    "notice.receipt": notice.receipt,
    "notice.held": notice.held,
    "channel.unanswered": channel.answer_unanswered,
}
UNDOS = {
    "appeal": appeal.undo_filing,
    "solved": appeal.undo_solved,
    "incident": incident.undo_incident,
    "checkin": rollcall.undo_answer,
    "rollcall": rollcall.undo_start,
    "help": help.undo_ask,
    "offer": help.undo_offer,
    "notice": notice.undo_notice,
    "clock": channel.undo_clock,
}
REPLIES = {
    "appeal": appeal.reply_to,
    "incident": incident.reply_to,
    "help_request": help.reply_to,
    "clock": channel.reply_to,
}


DUTIES = {
    "climb_incidents": incident.climb_incidents,
    "plan_rollcall": rollcall.plan_rollcall,
    "chase_silent": rollcall.chase_silent,
    "escalate_overdue": appeal.escalate_overdue,
    "chase_help": help.chase_help,
    "chase_silent_questions": channel.chase_silent_questions,
    "publish_due": notice.publish_due,
    "watch_channels": channel.watch_channels,
    "forget_unanswered": talk.forget_unanswered,
}
CONTENTS = Contents(
    matters=MATTERS, commands=COMMANDS, staff_commands=STAFF_COMMANDS, answers=ANSWERS,
    undos=UNDOS, replies=REPLIES, duties=DUTIES, menu=menu.main_ask,
)  # fmt: skip
