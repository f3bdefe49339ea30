"""Loads a community file into the database: changes what it names, deletes nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select

from storage.community_file import BadCommunity, CommunityFile, parse
from storage.models import DRAFT, Channel, Chat, Community, Identity, Place, Resident, Role
from storage.store import Store
from storage.store.claims import claim
from storage.unit_of_work import UnitOfWork

EVERYBODY = "@all"  # the chat of all followers, to the adapter too
FOLLOWERS = "公众号全体"
POSTS = {"service": "4/month", "subscription": "1/day"}  # 群发, by the kind of account


def communities(session: UnitOfWork) -> list[Community]:
    return list(session.scalars(select(Community).order_by(Community.id)))


def settings_of(community: Community) -> CommunityFile:
    """A community's file as it was last loaded."""
    return parse(community.config)


def load_community(session: UnitOfWork, file: CommunityFile, now: datetime) -> Community:
    """Brings the database up to a file. Raises BadCommunity if a channel id is taken elsewhere."""
    community = session.scalar(select(Community).where(Community.slug == file.slug))
    before = {} if community is None else {p["name"]: p for p in community.config.get("people", [])}
    if community is None:
        community = Community(slug=file.slug, name=file.name, config=file.raw, demo=file.demo)
        session.add(community)
    community.name, community.config, community.demo = file.name, file.raw, file.demo
    session.flush()
    claim(session, community.id)
    store = Store(session, community.id)
    _places(store, community, file)
    _people(store, file, before, now)
    _channels(store, file, now)
    return community


def _places(store: Store, community: Community, file: CommunityFile) -> None:
    known = {place.path: place for place in store.people.places}
    if "" not in known:
        known[""] = store.add(
            Place(community_id=community.id, name=community.name, path="", position=0)
        )
    known[""].name = community.name
    for position, path in enumerate(file.places, start=1):
        words, above = "›".join(path), "›".join(path[:-1])
        if words not in known:
            known[words] = store.add(
                Place(
                    community_id=community.id,
                    parent_id=known[above].id,
                    name=path[-1],
                    path=words,
                    position=position,
                )
            )
        known[words].position = position
    store.fixed.forget()


def _people(store: Store, file: CommunityFile, before: dict[str, Any], now: datetime) -> None:
    """What somebody changed or deleted of their own stays so until the file itself changes."""
    for row in file.people:
        role = Role(row.get("role", "resident"))
        place = store.people.place_named(row["place"]) if "place" in row else None
        person = store.people.in_file(row["name"])
        if person is None:
            person = store.add(
                Resident(
                    community_id=store.community_id,
                    name=row["name"],
                    in_file=True,
                    confirmed=True,
                    demo=file.demo,
                    created_at=now,
                )
            )
        person.role = role
        if before.get(row["name"]) == row:
            continue
        if role in (Role.CHIEF, Role.WORKER):
            person.role_place_id = place.id if place else None
        else:
            person.home_id = place.id if place else person.home_id
            person.role_place_id = person.home_id if role is Role.VOLUNTEER else None
        for key in ("unit", "room", "phone", "elder", "willing", "language"):
            if key in row:
                setattr(person, key, row[key])
    store.session.flush()


def _channels(store: Store, file: CommunityFile, now: datetime) -> None:
    for row in file.channels:
        channel = store.session.scalar(select(Channel).where(Channel.id == row["id"]))
        if channel is None:
            channel = store.add(
                Channel(
                    id=row["id"],
                    community_id=store.community_id,
                    platform=row["platform"],
                    created_at=now,
                )
            )
        elif channel.community_id != store.community_id:
            raise BadCommunity([f"channels: “{row['id']}”已是另一个社区的渠道"])
        channel.platform = row["platform"]
        for group in row.get("groups", []):
            _group(store, channel, group, now)
        if row["platform"] == "wechat":
            _followers(store, channel, row, now)
        for robot in row.get("robots", []):
            key = f"robot:{robot['name']}"
            _post_only(store, channel, key, robot["name"], robot.get("place"), now)
        for sender in row.get("senders", []):
            key, name = DRAFT + sender["userid"], f"{sender['name']}的客户群"
            _post_only(store, channel, key, name, sender.get("place"), now, quota="1/day")


def _group(store: Store, channel: Channel, row: dict[str, Any], now: datetime) -> None:
    chat = store.messages.group_named(channel.id, row["name"])
    if chat is None:
        chat = store.add(
            Chat(
                community_id=store.community_id,
                channel_id=channel.id,
                group=True,
                external_id=f"group:{row['name']}",
                name=row["name"],
                seen_at=now,
                created_at=now,
            )
        )
    place = store.people.place_named(str(row.get("place", "")))
    chat.place_id = place.id if place else None


def _followers(store: Store, channel: Channel, row: dict[str, Any], now: datetime) -> None:
    """All who follow a verified 公众号 are one more group: posted to now and then, never heard."""
    if row.get("verified"):
        quota = POSTS[str(row.get("account", "service"))]
        _post_only(store, channel, EVERYBODY, FOLLOWERS, None, now, quota=quota)
        return
    chat = store.messages.chat_at(channel.id, EVERYBODY)
    if chat is not None:
        chat.gone = True


def _post_only(
    store: Store,
    channel: Channel,
    external_id: str,
    name: str,
    place_name: str | None,
    now: datetime,
    *,
    quota: str | None = None,
) -> None:
    """A group we post to and never hear; one that was given up may be tried again."""
    chat = store.messages.chat_at(channel.id, external_id)
    if chat is None:
        chat = store.add(
            Chat(
                community_id=store.community_id,
                channel_id=channel.id,
                group=True,
                post_only=True,
                external_id=external_id,
                seen_at=now,
                created_at=now,
            )
        )
    place = store.people.place_named(place_name) if place_name else None
    chat.name, chat.place_id = name, place.id if place else None
    chat.quota, chat.gone = quota, False


def settle_in(store: Store, person: Resident, channel_id: str, key: str, at: datetime) -> None:
    """Gives a known person an identity and a private chat on a channel, greeted already."""
    store.add(
        Identity(
            community_id=store.community_id,
            channel_id=channel_id,
            external_id=key,
            resident_id=person.id,
            name=person.name,
            created_at=at,
        )
    )
    store.add(
        Chat(
            community_id=store.community_id,
            channel_id=channel_id,
            external_id=key,
            resident_id=person.id,
            greeted=True,
            seen_at=at,
            created_at=at,
        )
    )
