"""The entities, one file a matter."""

from storage.models.appeal import LIVE, Appeal, AppealStep, Stage
from storage.models.base import Entity, parents_first
from storage.models.channel import Clock, Duty, Stopped
from storage.models.help import HelpRequest, HelpStage, Match, Offer
from storage.models.incident import Incident, IncidentStage
from storage.models.lease import Lease
from storage.models.media import MOST, TAKEN, Keeping, Media
from storage.models.message import (
    DRAFT,
    START,
    Channel,
    Chat,
    Conversation,
    Grant,
    Inbound,
    Outbound,
    Priority,
    Question,
    Sending,
)
from storage.models.notice import Notice, NoticeStage, Receipt
from storage.models.people import Community, Credential, Identity, Place, Resident, Role
from storage.models.rollcall import CheckIn, CheckInStage, RollCall
from storage.models.sample import LONGEST, Sample, Source

parents_first()

__all__ = [
    "DRAFT",
    "LIVE",
    "LONGEST",
    "MOST",
    "START",
    "TAKEN",
    "Appeal",
    "AppealStep",
    "Channel",
    "Chat",
    "CheckIn",
    "CheckInStage",
    "Clock",
    "Community",
    "Conversation",
    "Credential",
    "Duty",
    "Entity",
    "Grant",
    "HelpRequest",
    "HelpStage",
    "Identity",
    "Inbound",
    "Incident",
    "IncidentStage",
    "Keeping",
    "Lease",
    "Match",
    "Media",
    "Notice",
    "NoticeStage",
    "Offer",
    "Outbound",
    "Place",
    "Priority",
    "Question",
    "Receipt",
    "Resident",
    "Role",
    "RollCall",
    "Sample",
    "Sending",
    "Source",
    "Stage",
    "Stopped",
]
