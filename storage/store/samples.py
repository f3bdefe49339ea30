"""What the ear may learn from: kept masked, the newest only."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select

from storage.models import LONGEST, Sample, Source
from storage.store.base import Questions

MOST = 20_000  # samples of one community; the oldest go
OFTEN = 100  # samples between two looks whether there are more


class Samples(Questions):
    def keep(self, *, text: str, intent: str, about: str, source: Source, at: datetime) -> Sample:
        """Keeps one; `text` is masked already. What is over the limit goes."""
        kept = self.add(
            Sample(
                community_id=self.community_id,
                text=text[:LONGEST],
                intent=intent,
                about=about,
                source=source,
                at=at,
            )
        )
        if kept.id % OFTEN == 0:
            self._drop_oldest()
        return kept

    def all(self) -> list[Sample]:
        """The oldest first: of two with one text, the later was said by who knew better."""
        return list(self.session.scalars(self.ours(Sample).order_by(Sample.id)))

    def _drop_oldest(self) -> None:
        mine = Sample.community_id == self.community_id
        newest = select(Sample.id).where(mine).order_by(Sample.id.desc())
        too_old = self.session.scalar(newest.offset(MOST).limit(1))
        if too_old is not None:
            self.session.execute(delete(Sample).where(mine, Sample.id <= too_old))
