"""One file over HTTP into a partial file, resumable, never splicing two versions of it."""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

CHUNK = 1 << 20
TIMEOUT = 60.0
"""Seconds without a byte after which a connection counts as dropped."""

TRIES = 5
"""Failures in a row, each without a single new byte, after which a download gives up."""

T = TypeVar("T")


class TransferError(OSError):
    """The server cannot or will not send the file; the message names the address."""


class Interrupted(TransferError):
    """A failure that another try may cure: a dropped connection, an overloaded server."""


@dataclass(frozen=True)
class Remote:
    """A file as its server describes it."""

    url: str
    size: int
    "Bytes."
    etag: str | None
    "Without its quotes; ``None`` where there is none or it is weak, hence no base for resuming."


def look(url: str) -> Remote:
    """Ask the server about a file.

    Raises
    ------
    TransferError
        If the server does not have it or does not state its size.
    """
    with closing(_open(Request(url, method="HEAD", headers=_HEADERS))) as response:
        size = response.headers.get("Content-Length", "")
        if not size.isdecimal():
            raise TransferError(f"{url}: the server does not state the size of the file")
        return Remote(url, int(size), _etag(response))


def append(remote: Remote, part: Path, report: Callable[[int], None]) -> None:
    """Fetch what is missing in ``part``, in one connection; ``report`` is told each new size of it.

    Raises
    ------
    Interrupted
        If the connection drops: what has arrived is kept.
    TransferError
        If the server refuses, or has another version of the file by now.
    OSError
        If it cannot be written.
    """
    with part.open("ab") as file:
        _lock(file, part)
        have = file.tell()
        if have > remote.size or remote.etag is None:
            file.truncate(have := 0)
        report(have)
        if have == remote.size:
            return
        headers = dict(_HEADERS)
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": f'"{remote.etag}"'}
        with closing(_open(Request(remote.url, headers=headers))) as response:
            if _etag(response) != remote.etag or _total(response) != remote.size:
                raise TransferError(f"{remote.url}: the file changed on the server during the download")
            if response.status != 206:  # the whole file, whatever was asked for
                file.truncate(have := 0)
            elif _first(response) != have:
                raise TransferError(f"{remote.url}: asked for bytes from {have}, got {_first(response)}")
            while chunk := _read(response, remote.url):
                file.write(chunk)
                file.flush()
                report(have := have + len(chunk))
        if have != remote.size:
            raise Interrupted(f"{remote.url}: the connection dropped at byte {have} of {remote.size}")
        os.fsync(file.fileno())


def retry(action: Callable[[], T], wait: float, progress: Callable[[], object] = lambda: None) -> T:
    """Call ``action`` until it is not :class:`Interrupted`, at most ``TRIES`` times in a row.

    Waits ``wait`` seconds after the first failure and twice as long after each further one; a change of
    ``progress()`` between two failures starts the count anew.
    """
    failures, before = 0, progress()
    while True:
        try:
            return action()
        except Interrupted as fault:
            now = progress()
            failures, before = (failures + 1 if now == before else 1), now
            if failures == TRIES:
                raise TransferError(f"{fault} ({TRIES} tries)") from fault
            time.sleep(wait * 2 ** (failures - 1))


def check_space(folder: Path, needed: int) -> None:
    """Raise ``OSError`` if the disk that holds ``folder`` has less than ``needed`` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(errno.ENOSPC, f"needs {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are free", str(folder))


def _lock(file: BinaryIO, part: Path) -> None:
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as fault:
        raise TransferError(f"{part}: another process is writing it") from fault


_HEADERS = {"User-Agent": "nablaviz", "Accept-Encoding": "identity"}


def _open(request: Request) -> HTTPResponse:
    try:
        return urlopen(request, timeout=TIMEOUT)
    except HTTPError as fault:
        fault.close()
        kind = Interrupted if fault.code >= 500 or fault.code in (408, 429) else TransferError
        raise kind(f"{request.full_url}: the server says {fault.code} {fault.reason}") from fault
    except (URLError, HTTPException, OSError) as fault:
        reason = getattr(fault, "reason", None) or fault
        raise Interrupted(f"{request.full_url}: {reason or type(fault).__name__}") from fault


def _read(response: HTTPResponse, url: str) -> bytes:
    try:
        return response.read(CHUNK)
    except (HTTPException, OSError) as fault:
        raise Interrupted(f"{url}: {fault or type(fault).__name__}") from fault


def _etag(response: HTTPResponse) -> str | None:
    found = re.fullmatch(r'"([^"]+)"', response.headers.get("ETag", "").strip())
    return found[1] if found else None


def _total(response: HTTPResponse) -> int | None:
    """Bytes of the whole file, of which the response may be a range."""
    text = response.headers.get("Content-Length", "")
    if response.status == 206:
        text = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(text) if text.isdecimal() else None


def _first(response: HTTPResponse) -> int | None:
    """Where the range in a partial response begins."""
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else None
