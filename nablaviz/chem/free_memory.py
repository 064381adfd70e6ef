"""How much memory this process may still take: of the machine, or of the container that it lives in.

On Binder, JupyterHub and the like a container is killed above a limit far below what its machine has free,
and the machine is all that most programs ask.
"""

from __future__ import annotations

from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
"""Where Linux shows control groups. In a container, the top folder is the container's own group."""

FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
)
"""Limit, use, and the part of the use that is given back on demand; of versions 2 and 1."""


def free_memory(groups: Path = GROUPS) -> int:
    """Bytes that may be taken before the machine swaps or the container is killed.

    Parameters
    ----------
    groups
        The folder of the control groups.
    """
    import psutil

    free = [psutil.virtual_memory().available]
    for limit, used, unneeded in FILES:
        try:
            most = (groups / limit).read_text().strip()
            allowed = None if most == "max" else int(most)
            taken = int((groups / used).read_text())
            given_back = _field(groups / Path(used).with_name("memory.stat"), unneeded)
        except (OSError, ValueError):  # there is none, or none that can be read
            continue
        if allowed is not None:
            free.append(max(0, allowed - taken + given_back))
    return min(free)


def _field(path: Path, name: str) -> int:
    """A number of a file that has a name and a number in each line."""
    lines = dict(line.split() for line in path.read_text().splitlines())
    return int(lines[name]) if name in lines else 0
