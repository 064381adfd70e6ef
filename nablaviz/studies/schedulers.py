"""Dask schedulers that this user has named: a folder may name any, and a scheduler can run code here."""

from __future__ import annotations

import os
from pathlib import Path

from nablaviz.data.atomic import replacing


def _file() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "nablaviz" / "schedulers"


def _known() -> list[str]:
    try:
        return _file().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def remember(address: str) -> None:
    """Put down that the user has given this address."""
    known = _known()
    if address not in known:
        _file().parent.mkdir(parents=True, exist_ok=True)
        with replacing(_file()) as file:
            file.writelines(f"{each}\n" for each in (*known, address))


def check_known(address: str | None, folder: Path) -> None:
    """Raise ``ValueError`` if a study's folder names an address that this user has never given."""
    if address is not None and address not in _known():
        raise ValueError(
            f"{folder} names the Dask scheduler {address!r:.80}, which you have never named yourself; if you "
            f"trust it, say so: nablaviz study start {folder} --address ADDRESS"
        )
