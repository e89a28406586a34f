"""Whoever reads the pages notices when one is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.reader import read

ID = "01890a5d-ac96-774b-bcce-b302099a8057"
OTHER = "01890a5d-ac96-774b-bcce-b302099a8058"

WRONG = {
    "a name that is not there": ("```python\nprint(nothing)\n```", "NameError"),
    "another value at the prompt": ("```pycon\n>>> 1 + 1\n3\n```", "Got"),
    "Python that ends": ("```python\nimport os\nos._exit(3)\n```", "Python ended with 3"),
    "a command that fails": ("```console\n$ false\n```", "ended with 1"),
    "a command that does not exist": ("```console\n$ conveyor jbos\n```", "ended with 2"),
    "other output": ("```console\n$ echo one\ntwo\n```", "where the page has"),
    "more output": ("```console\n$ printf 'one\\ntwo\\n'\none\n```", "also shows"),
    "less output": ("```console\n$ echo one\none\ntwo\n```", "where the page has"),
    "a failing command that goes on": ('```console title="Worker"\n$ false\n```', "ended with"),
    "other output of what goes on": ('```console title="Worker"\n$ echo one\ntwo\n```', "where the page has"),
    "one id for two": (f"```console\n$ echo {ID} {OTHER}\n{ID} {ID}\n```", "where the page has"),
    "output before a command": ("```console\none\n```", "before any command"),
    "a file that nothing uses": ('```python title="jobs.py"\nx = 1\n```', "nothing on the page uses"),
    "a file replaced unused": ('```python title="a.py"\n```\n```python title="a.py"\n```', "before anything uses it"),
    "a language nobody runs": ("```ruby\nputs 1\n```", "is 'ruby'"),
    "a command that is not run": ("```sh\nconveyor status\n```", "to be run"),
}


@pytest.mark.parametrize(("page", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_page_is_noticed(page: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(f"# Page\n\n{page}\n")

    with pytest.raises(AssertionError, match=message):
        read(file, tmp_path)


@pytest.mark.parametrize("fence", ["```python", "  ```python\n  ```", "```python hl_lines=1\n```"])
def test_a_fence_that_would_be_overlooked_is_an_error(fence: str, tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(f"# Page\n\n{fence}\n")

    with pytest.raises(ValueError, match=r"page\.md:[34]"):
        read(file, tmp_path)


def test_what_a_page_shows_of_one_run_stands_for_any_run(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(
        f"""
```python title="tell.py"
print("{OTHER}", "2026-11-24 10:00:00,123", "after 1.234 s", "12ms", "(3m20s ago)", "4.1KiB")
```

```console
$ python tell.py
{ID} 2025-01-01 00:00:00,000 after 0.001 s 3.2s (7s ago) 812MiB
$ export GREETING="hello {ID}"
$ echo $GREETING
hello {ID}
$ false
$ echo $?
1
```

```pycon
>>> "{ID}"
'{OTHER}'
>>> import asyncio
```

```python
await asyncio.sleep(0)
```

```console title="Worker"
$ sh -c 'trap "echo stopped; exit 0" INT; echo started; while :; do sleep 0.1; done'
started
^C
stopped
```
"""
    )

    read(file, tmp_path)
