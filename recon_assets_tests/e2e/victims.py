"""Processes of a home, and their sudden ends."""

import os
import signal
from contextlib import suppress
from pathlib import Path

VICTIMS = {
    "run": "multiprocessing.spawn",
    "daemon": "orchestration.daemon",
    "database": "bin/postgres -D",
    "command": "recon backfill",
}
"""By which words of its command each is known."""


def processes(home: str) -> list[tuple[int, str]]:
    """Process ids and commands of all that run on this home."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if home in command or f"RECON_HOME={home}".encode() in (folder / "environ").read_bytes():
                found.append((int(folder.name), command))
    return sorted(found)


def kill(victim: str, home: str) -> bool:
    """Kill -9 the first process of that kind; whether there was one."""
    found = [pid for pid, command in processes(home) if VICTIMS[victim] in command]
    with suppress(IndexError, ProcessLookupError):
        os.kill(found[0], signal.SIGKILL)
        return True
    return False
