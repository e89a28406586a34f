"""A durable record of jobs beside the store they wait in, from which a store that lost them can be rebuilt."""

from __future__ import annotations

from conveyor.history.history import History
from conveyor.history.queue import PersistentQueue
from conveyor.history.records import HistoryEntry, HistoryEvent, HistoryStatistics, Rebuilt

__all__ = ["History", "HistoryEntry", "HistoryEvent", "HistoryStatistics", "PersistentQueue", "Rebuilt"]
