"""Make thumbnails of the pictures in a folder: a job for each, as many at a time as there are worker processes.

    pip install pillow
    conveyor work --app thumbnails:app --processes 4        in one terminal, in the folder of this file
    python thumbnails.py ~/Pictures                         in another one

A picture that is changed is done again, one that is not is not: the job's unique key says so while it waits, and the
thumbnail's own time when it is done. A file that is no picture goes to the dead letters at once, for trying again would
not make it one: see `conveyor failed`. A picture that needs too much memory or time takes its process with it, and not
the others.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from conveyor import Conveyor, ExponentialBackoff, JobFailed, Unique

SIZE = (160, 160)
KINDS = {".gif", ".jpeg", ".jpg", ".png", ".webp"}

app = Conveyor()


@app.job(
    "picture.shrink",
    queue="pictures",
    timeout=60,
    retry=ExponentialBackoff(max_attempts=3, base=1, give_up_on=UnidentifiedImageError),
    unique=Unique(by=["picture"]),
)
def shrink(picture: str, thumbnail: str) -> tuple[int, int]:
    """Make a thumbnail, and answer its width and height."""
    source, target = Path(picture), Path(thumbnail)
    with Image.open(source) as image:
        small = image.convert("RGB")
        small.thumbnail(SIZE)
    target.parent.mkdir(exist_ok=True)
    # Under another name until it is whole: a worker that dies here leaves no half of a picture.
    fresh = target.with_suffix(".fresh")
    small.save(fresh, "JPEG")
    fresh.replace(target)
    return small.size


def is_done(picture: Path, thumbnail: Path) -> bool:
    return thumbnail.exists() and thumbnail.stat().st_mtime >= picture.stat().st_mtime


def main(folder: str) -> None:
    pictures = sorted(each for each in Path(folder).absolute().iterdir() if each.suffix.lower() in KINDS)
    pairs = [(each, each.parent / "thumbnails" / f"{each.name}.jpg") for each in pictures]
    wanted = [pair for pair in pairs if not is_done(*pair)]
    handles = shrink.push_many([(str(picture), str(thumbnail)) for picture, thumbnail in wanted])
    print(f"{len(pictures)} pictures, {len(wanted)} to do")
    for (picture, _), handle in zip(wanted, handles, strict=True):
        try:
            width, height = handle.result(timeout=120)
        except JobFailed as failure:
            print(f"{picture.name}  {failure.error_type}")
        else:
            print(f"{picture.name}  {width} x {height}")


if __name__ == "__main__":
    main(*sys.argv[1:])
