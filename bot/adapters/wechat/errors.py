"""What 公众号's errcodes mean: each becomes one Fail. By the developers' list of return codes."""

from __future__ import annotations

from bot.adapters.base import Fail, Sent

KNOCKED = "knocked"  # a template said that something waits; the words themselves have not gone
REPEATED = 45065  # a clientmsgid that went out before: what was to be sent is sent
NOT_ALLOWED = 48001  # this kind of account may not
OURS = (40001, 40002, 40013, 40125, 40164, 41002, 41004)  # credentials: no call can succeed
MINUTE, HOUR = 60.0, 3600.0  # seconds

_LISTED: dict[Fail, tuple[int, ...]] = {
    Fail.RETRY: (
        -1,  # busy
        40011,  # the size of a video, as it is while their store is slow
        45083,  # a mass send is being worked on
        45084,
        50001,  # the account is being looked at
        61450,
        61500,
        65400,
    ),
    Fail.THROTTLED: (
        45009,  # the day's quota of this call
        45011,  # calls a minute
        45066,  # mass sends a minute
        45067,
    ),
    Fail.WINDOW: (
        43101,  # no consent to a template
        43107,
        45015,  # nobody wrote within 48 hours
        45047,  # the count of what their message allowed is used up
        45072,
    ),
    Fail.GONE: (
        40003,  # no such openid here
        43004,  # does not follow us
        43005,
        43019,  # on our black list
        46004,  # no such user
        48013,  # does not want to be written to
        50005,  # never followed
    ),
    Fail.CONFIG: (
        *OURS,
        40014,  # a token that stays refused after it was renewed
        41001,
        42001,
        42007,
        48001,
        48004,  # the interface is locked for this account
        48006,
        50002,  # the account is frozen
        61023,
        61024,
        89503,  # an address that the owner has yet to allow
        89506,
        89507,
    ),
    Fail.REJECTED: (
        40004,  # kind of a file
        40005,
        40006,  # size of a file
        40007,  # media_id
        40008,  # kind of a message
        40009,
        40035,  # a parameter
        40037,  # template id
        40038,
        40039,
        40097,
        40130,  # a mass send to fewer than two
        44001,
        44002,
        44003,
        44004,  # no words
        45001,
        45002,  # too long
        45003,
        45008,
        45028,  # the month's or day's mass sends are used up
        45064,
        45157,
        45166,
        47001,  # unreadable
        47003,  # a field of a template
        48003,  # mass sends are not agreed to
        48008,  # no leave for this kind of message
        61501,
        87009,  # signature of a template's page
        87014,  # their censor
        88000,
        200011,
        200012,
        200014,
        200016,
        200018,
        200020,
        200021,
    ),
}
FAILS = {code: fail for fail, codes in _LISTED.items() for code in codes}


def fail_of(code: int) -> Sent:
    """What an errcode does to a send. One nobody has listed is the message's own fault.

    Their own troubles are negative or look like HTTP's 5xx: those are tried again.
    """
    if code == 45009:
        return Sent(fail=Fail.THROTTLED, retry_after=HOUR, everywhere=True)
    fail = FAILS.get(code)
    if fail is Fail.THROTTLED:
        return Sent(fail=fail, retry_after=MINUTE)
    if fail is None:
        fail = Fail.RETRY if code < 0 or 500 <= code < 600 else Fail.REJECTED
    return Sent(fail=fail)
