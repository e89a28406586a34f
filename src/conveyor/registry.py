"""The jobs that an application knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from conveyor.callables import describe
from conveyor.errors import DuplicateJobType, UnknownJobType
from conveyor.job_type import JobType


class Registry(Mapping[str, JobType]):
    """Job types by name; also by class, for the instances of class jobs."""

    def __init__(self) -> None:
        self._by_name: Final[dict[str, JobType]] = {}
        self._by_class: Final[dict[type, JobType]] = {}

    def __getitem__(self, name: str) -> JobType:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def add(self, job_type: JobType) -> None:
        """Register a job. The same function or class again, of a reloaded module, takes its own place.

        Raises:
            DuplicateJobType: another one has this name.
        """
        known = self._by_name.get(job_type.name)
        if known is not None:
            first, second = describe(known.function), describe(job_type.function)
            # Two lambdas share a name and nothing else.
            if first != second or "<lambda>" in first:
                raise DuplicateJobType(job_type.name, first, second)
            if isinstance(known.function, type):
                self._by_class.pop(known.function, None)
        self._by_name[job_type.name] = job_type
        if isinstance(job_type.function, type):
            self._by_class[job_type.function] = job_type

    def named(self, name: str) -> JobType:
        """The job type of this name.

        Raises:
            UnknownJobType: there is none here.
        """
        found = self._by_name.get(name)
        if found is None:
            raise UnknownJobType(name, tuple(self._by_name))
        return found

    def of(self, job: object) -> JobType:
        """The job type of a class job's instance. A subclass is a job of its own, and registered itself.

        Raises:
            UnknownJobType: its class is not registered here.
        """
        found = self._by_class.get(type(job))
        if found is None:
            raise UnknownJobType(describe(type(job)), tuple(self._by_name))
        return found
