"""THE MEMORY: entities with their rules, and the questions one may ask of them.

Imports nothing else of ours. Nobody outside this room imports SQLAlchemy.
"""

from storage.database import Database
from storage.engines import Again, Busy, Unavailable, Uncertain
from storage.store import Store
from storage.unit_of_work import UnitOfWork as Session

__all__ = ["Again", "Busy", "Database", "Session", "Store", "Unavailable", "Uncertain"]
