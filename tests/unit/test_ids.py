from __future__ import annotations

import os
import uuid

import pytest

from conveyor import InvalidValue
from conveyor.ids import job_id, new_id


def test_ids_are_of_version_7_and_rise_within_a_process() -> None:
    ids = [new_id() for _ in range(10_000)]

    assert ids == sorted(set(ids))
    assert {(type(id), id.version, id.variant) for id in ids} == {(uuid.UUID, 7, uuid.RFC_4122)}


def test_an_id_is_an_ordinary_uuid() -> None:
    made = new_id()

    assert uuid.UUID(str(made)) == made
    assert hash(uuid.UUID(bytes=made.bytes)) == hash(made)
    assert made.is_safe is uuid.SafeUUID.unknown


def test_forked_processes_never_make_the_same_id() -> None:
    new_id()
    read, write = os.pipe()
    children = 4
    for _ in range(children):
        if os.fork() == 0:
            os.write(write, b"".join(new_id().bytes for _ in range(20)))
            os._exit(0)
    for _ in range(children):
        os.wait()

    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        made = pipe.read()

    assert len({made[at : at + 16] for at in range(0, len(made), 16)}) == children * 20


@pytest.mark.parametrize("wrong", ["seven", "", 7, None, b"0123456789abcdef"])
def test_an_id_that_is_no_uuid_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidValue) as refused:
        job_id(wrong)

    assert str(refused.value) == f"id is {wrong!r}; give a UUID or its text, such as str(handle.id)"


def test_an_id_may_be_given_as_text() -> None:
    made = new_id()

    assert job_id(str(made)) == made
    assert job_id(made) is made
