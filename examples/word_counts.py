"""Count the words in the text files of a folder, a job for each file.

    conveyor work --app word_counts:app --processes 2       in one terminal, in the folder of this file
    python word_counts.py FOLDER                            in another one

Files that are not text fail at once: trying again would not make them text. What cannot be read for another reason,
because its disk is away or its rights are wrong, is tried again.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from conveyor import Conveyor, ExponentialBackoff, JobFailed

app = Conveyor()


@app.job(
    "words.count",
    queue="words",
    timeout=60,
    retry=ExponentialBackoff(max_attempts=4, base=1, give_up_on=UnicodeDecodeError),
)
def count_words(path: str) -> dict[str, int]:
    return Counter(Path(path).read_text(encoding="utf-8").lower().split())


def main(folder: str) -> None:
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    handles = count_words.push_many([(str(path),) for path in files])

    total: Counter[str] = Counter()
    for path, handle in zip(files, handles, strict=True):
        try:
            total.update(handle.result(timeout=60))
        except JobFailed as failure:
            print(f"{path.name}: {failure.error_type}")
    print(f"{len(files)} files, {total.total()} words")
    for word, times in total.most_common(3):
        print(f"{times:6} {word}")


if __name__ == "__main__":
    main(*sys.argv[1:])
