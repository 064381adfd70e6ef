"""Files that appear complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def taking_its_place(path: str | Path) -> Iterator[Path]:
    """Where to write a file, which then takes the place of an older one, if nothing goes wrong inside."""
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def replacing(path: str | Path) -> Iterator[TextIO]:
    """A text file to write, which takes its name, in place of an older one, once all of it is written."""
    with taking_its_place(path) as part, open(part, "w", encoding="utf-8", newline="\n") as file:
        yield file
