"""The files that nablaDFT publishes: names, addresses, ETags; a download that resumes and verifies."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from nablaviz.data import etags, transfer
from nablaviz.data.dataset import DataError
from nablaviz.data.validate import read_text, text

BUNDLED = Path(__file__).with_name("published.json")


@dataclass(frozen=True)
class Published:
    """One published file.

    Raises
    ------
    ValueError
        If ``path`` is not made of plain names, or ``etag`` is not made from content.
    """

    name: str
    path: str
    "Below the base address."
    etag: str | None
    content: str

    def __post_init__(self) -> None:
        for what in ("name", "path", "content"):
            found = getattr(self, what)
            text(found, name=what)
            if not found and (found is None or what == "name"):
                raise ValueError(f"a published file has no {what}")
            if what != "path" and not found.isprintable():
                raise ValueError(f"{what} {found!r:.80} cannot be printed")
        if not all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", step) for step in self.path.split("/")):
            raise ValueError(f"path {self.path!r} of {self.name!r} is not made of plain names joined by /")
        if self.etag is not None and not etags.is_hash(self.etag):
            raise ValueError(
                f"ETag {self.etag!r} of {self.name!r} is not an MD5, alone or followed by -PARTS"
            )

    @property
    def file(self) -> str:
        """Name of the file."""
        return self.path.rpartition("/")[2]

    @property
    def approximate_size(self) -> int | None:
        """Bytes, from the number of parts; sizes are not published.

        Right to one part of 8 MiB where that is what was used, which is so up to 5,000 parts (beyond,
        upload programs may have doubled it: ``None``).
        """
        count = etags.parts(self.etag) if self.etag else None
        return None if count is None or count > 5000 else int((count - 0.5) * etags.USUAL_PART)


@dataclass(frozen=True)
class Registry:
    """Published files and where they are.

    Raises
    ------
    ValueError
        If the address is not http or https.
    """

    base_url: str
    files: tuple[Published, ...]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"https?://[!-~]+", self.base_url):
            raise ValueError(f"address {self.base_url!r} must begin with http:// or https://")

    @classmethod
    def load(cls, path: str | Path = BUNDLED) -> Registry:
        """Read a registry file, by default nablaDFT's.

        Raises
        ------
        DataError
            If it is not a JSON object with ``base_url`` and ``files``, each of these an object with
            ``name``, ``path``, ``etag`` and ``content``.
        """
        try:
            data: dict[str, Any] = json.loads(read_text(Path(path)))
            return cls(str(data["base_url"]), tuple(Published(**row) for row in data["files"]))
        except DataError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as fault:
            raise DataError(f"{path}: not a registry of published files: {fault}") from fault

    def __iter__(self) -> Iterator[Published]:
        return iter(self.files)

    def url(self, entry: Published) -> str:
        """Address of one of the files."""
        return f"{self.base_url.rstrip('/')}/{entry.path}"

    def find(self, name: str) -> Published:
        """The file of this name, or with this file name.

        Raises
        ------
        ValueError
            If there is none; the message has the nearest names.
        """
        for entry in self:
            if name in (entry.name, entry.file):
                return entry
        names = [entry.name for entry in self]
        near = difflib.get_close_matches(name, names, n=4, cutoff=0.3) or names
        raise ValueError(f"no published file {name!r}; nearest: {', '.join(near)}")


def download(
    name: str,
    folder: str | Path = ".",
    *,
    registry: Registry | None = None,
    base_url: str | None = None,
    strict: bool = True,
    progress: bool = True,
    wait: float = 1.0,
) -> Path:
    """Fetch a published file; what an earlier, interrupted call fetched is not fetched again.

    The content arrives under another name (ending in ``.part``) and gets its own only when its size
    and its ETag are right. A file that is already there and right is not touched.

    Parameters
    ----------
    name
        A name of the registry (``"energy/train_2k"``) or a file name.
    folder
        Where to put it; made if missing.
    registry
        By default nablaDFT's.
    base_url
        Address of a mirror, instead of the registry's.
    strict
        Refuse a file that changed since the registry was made or whose ETag cannot be verified. If
        false such a file is accepted by its size; an MD5 that is plainly wrong is refused even so.
    progress
        Whether to draw a progress bar (on stderr).
    wait
        Seconds to wait before the second try; they double.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If there is no such name, or the address is not http or https.
    DataError
        If the file is not what the registry says.
    OSError
        If the server cannot be reached or refuses, the disk is full, or the folder cannot be written.
    """
    registry = registry or Registry.load()
    if base_url is not None:
        registry = replace(registry, base_url=base_url)
    entry = registry.find(name)
    target = Path(folder) / entry.file
    if target.exists() and entry.etag and etags.matches(target, entry.etag):
        return target

    remote = transfer.retry(lambda: transfer.look(registry.url(entry)), wait)
    etag = _expected(entry, remote, strict)
    if target.exists():
        try:
            _verify(target, remote.size, etag, strict)
        except DataError as fault:
            raise DataError(f"{fault}; move it away to fetch the published one") from fault
        return target

    target.parent.mkdir(parents=True, exist_ok=True)
    part = _part(target, remote)
    have = part.stat().st_size if part.exists() else 0
    transfer.check_space(target.parent, remote.size - have)
    _fetch(remote, part, progress, wait)
    try:
        _verify(part, remote.size, etag, strict)
    except DataError:
        if etag and etags.parts(etag) is None:  # certainly damaged: of no use to the next call
            part.unlink()
        raise
    os.replace(part, target)
    return target


def _expected(entry: Published, remote: transfer.Remote, strict: bool) -> str | None:
    """The ETag that the content must have: the server's where it is made from content.

    Only the MD5s are compared, as the registry lacks the number of parts of some files.
    """
    if remote.etag is None or not etags.is_hash(remote.etag):
        return entry.etag
    if strict and entry.etag and remote.etag[:32] != entry.etag[:32]:
        raise DataError(
            f"{remote.url}: the file has changed since the registry was made: ETag {remote.etag}, "
            f"not {entry.etag} (--unverified takes the new one)"
        )
    return remote.etag


def _part(target: Path, remote: transfer.Remote) -> Path:
    """Partial file of one version of a remote file; partial files of its other versions are removed."""
    key = sha256(f"{remote.size} {remote.etag}".encode()).hexdigest()[:8]
    part = target.with_name(f"{target.name}.{key}.part")
    pattern = re.compile(rf"{re.escape(target.name)}\.[0-9a-f]{{8}}\.part")
    for other in target.parent.iterdir():
        if other != part and pattern.fullmatch(other.name):
            other.unlink()
    return part


def _fetch(remote: transfer.Remote, part: Path, progress: bool, wait: float) -> None:
    from tqdm.auto import tqdm

    def size() -> int:
        return part.stat().st_size if part.exists() else 0

    shown = remote.url.rpartition("/")[2]
    with tqdm(
        total=remote.size, initial=size(), desc=shown, unit="B", unit_scale=True, disable=not progress
    ) as bar:
        transfer.retry(lambda: transfer.append(remote, part, lambda n: bar.update(n - bar.n)), wait, size)


def _verify(path: Path, size: int, etag: str | None, strict: bool) -> None:
    """Raise ``DataError`` unless the file has this size and ETag; see ``strict`` of :func:`download`."""
    if path.stat().st_size != size:
        raise DataError(f"{path}: {path.stat().st_size} bytes, the published file has {size}")
    if etag is None:
        if strict:
            raise DataError(f"{path}: nothing to verify its content by (--unverified keeps it)")
    elif not etags.matches(path, etag):
        if etags.parts(etag) is None:
            raise DataError(f"{path}: damaged: its MD5 is not {etag}")
        if strict:
            raise DataError(
                f"{path}: its content does not give ETag {etag} with any usual part size: damaged, or "
                "uploaded in unusual parts (delete it to fetch it again; --unverified keeps it)"
            )
