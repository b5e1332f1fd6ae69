"""What processes take: memory and CPU. Standard library only, for the environments of all contestants."""

import os
import re
import resource
import sys
from contextlib import suppress
from pathlib import Path


def peak_memory() -> float:
    """The most memory that this process ever had, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        # What the kernel says elsewhere of a new process begins with the memory of the one that started it.
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        return int(found[1]) * 1024 / 1e6 if found else 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def cpu_seconds(*roots: int) -> float:
    """What these processes and all below them have spent, those that have ended included."""
    times, parents = dict[int, int](), dict[int, int]()
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended since, and its parent counts it
        pid = int(file.parent.name)
        parents[pid], times[pid] = int(fields[1]), sum(map(int, fields[11:15]))
    return sum(times[pid] for pid in times if below(pid, parents, roots)) / os.sysconf("SC_CLK_TCK")


def below(pid: int, parents: dict[int, int], roots: tuple[int, ...]) -> bool:
    """Whether a process is one of the roots or descends from one."""
    while pid in parents and pid not in roots:
        pid = parents[pid]
    return pid in roots


def process_with(argument: str) -> int:
    """The process that was started with this argument."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if argument in file.read_text().split("\0"):
                return int(file.parent.name)
    msg = f"no process was started with {argument}"
    raise LookupError(msg)
