"""THE MEMORY: entities with their rules, and the questions one may ask of them.

Imports nothing else of ours. Nobody outside this room imports SQLAlchemy.
"""

from storage.database import Busy, Database, Unavailable
from storage.store import Store
from storage.unit_of_work import UnitOfWork as Session

__all__ = ["Busy", "Database", "Session", "Store", "Unavailable"]
