"""What most turns ask about somebody or about a chat: read for a whole batch at once."""

from __future__ import annotations

from sqlalchemy import BindParameter, bindparam, select

from storage.models import (
    LIVE,
    Appeal,
    Chat,
    Conversation,
    HelpRequest,
    HelpStage,
    Incident,
    IncidentStage,
    Match,
    Question,
    Resident,
    Stage,
)
from storage.unit_of_work import Ahead

UNCLOSED = (*LIVE, Stage.ACTED)
HELP_RUNNING = (HelpStage.OPEN, HelpStage.TAKEN, HelpStage.AGREED)
INCIDENT_RUNNING = (IncidentStage.ALARMED, IncidentStage.TAKEN)

_KEYS: BindParameter[list[int]] = bindparam("keys", expanding=True)
CONVERSATIONS = Ahead(
    Conversation,
    "chat_id",
    Chat,
    select(Conversation).where(
        Conversation.community_id == bindparam("community"), Conversation.chat_id.in_(_KEYS)
    ),
)
STANDING = Ahead(
    Question,
    "chat_id",
    Chat,
    select(Question).where(
        Question.community_id == bindparam("community"),
        Question.chat_id.in_(_KEYS),
        Question.closed_at.is_(None),
    ),
    ("chat_id",),
)
CHATS = Ahead(
    Chat,
    "resident_id",
    Resident,
    select(Chat).where(Chat.community_id == bindparam("community"), Chat.resident_id.in_(_KEYS)),
    ("resident_id",),
)
APPEALS = Ahead(
    Appeal,
    "resident_id",
    Resident,
    select(Appeal).where(
        Appeal.community_id == bindparam("community"),
        Appeal.resident_id.in_(_KEYS),
        Appeal.stage.in_(UNCLOSED),
    ),
    ("stage", "resident_id"),
)
REQUESTS = Ahead(
    HelpRequest,
    "resident_id",
    Resident,
    select(HelpRequest).where(
        HelpRequest.community_id == bindparam("community"),
        HelpRequest.resident_id.in_(_KEYS),
        HelpRequest.stage.in_(HELP_RUNNING),
    ),
    ("stage", "resident_id"),
)
MATCHES = Ahead(
    Match,
    "helper_id",
    Resident,
    (
        select(Match)
        .join(HelpRequest, HelpRequest.id == Match.request_id)
        .where(
            HelpRequest.community_id == bindparam("community"),
            Match.helper_id.in_(_KEYS),
            Match.ended_at.is_(None),
        )
    ),
    ("ended_at", "helper_id"),
)
INCIDENTS = Ahead(
    Incident,
    "resident_id",
    Resident,
    select(Incident).where(
        Incident.community_id == bindparam("community"),
        Incident.resident_id.in_(_KEYS),
        Incident.stage.in_(INCIDENT_RUNNING),
    ),
    ("stage", "resident_id"),
)
