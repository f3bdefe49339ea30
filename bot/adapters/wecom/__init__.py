"""企业微信, by its HTTP interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bot.adapters.base import Adapter, Keys

if TYPE_CHECKING:
    from bot.platforms import Tools

KEYS = Keys(
    frozenset({"corp_id", "agent_id", "secret", "token", "aes_key"}), frozenset({"api_base"})
)


def make(row: Mapping[str, Any], tools: Tools) -> Adapter:
    raise ValueError("企业微信这一版还接不上")
