from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conveyor.worker.memory import resident_bytes


def test_the_resident_set_of_a_process_is_more_than_its_interpreter_and_less_than_the_machine() -> None:
    assert 1 << 20 < resident_bytes(os.getpid()) < 1 << 40


def test_a_process_that_is_gone_has_none() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert resident_bytes(process.pid) == 0


@pytest.mark.parametrize("error", [ProcessLookupError, FileNotFoundError])
def test_a_process_that_ends_while_it_is_looked_at_has_none(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    def ended(self: Path, *_: Any, **__: Any) -> str:
        raise error

    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    monkeypatch.setattr(Path, "read_text", ended)

    assert resident_bytes(process.pid) == 0
