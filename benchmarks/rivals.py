# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#     "duckdb==1.5.5", # the newest whose extensions can be had from PyPI
#     "duckdb-extension-excel==1.5.5",
#     "duckdb-extension-httpfs==1.5.5",
#     "duckdb-extension-postgres-scanner==1.5.5",
#     "duckdb-extensions==1.5.5",
#     "fastrecon==0.9.3",
#     "pytz", # DuckDB wants it for timestamps with zone
#     "reladiff[mysql,postgresql]==0.6.0",
#     "setuptools<81",
# ]
# ///
"""The rivals of `diff.py`, each in the way that its makers recommend.

A program of its own, in an environment of its own, that `diff.py` makes by `uv sync --script`: reladiff and fastrecon
are no dependencies of ours, and DuckDB's extension for PostgreSQL is on PyPI for an older DuckDB than the one we use.

  rivals.py prepare                 install DuckDB's extensions into $HOME
  rivals.py NAME < task > outcome   compare two tables; both are JSON objects, see `Task` and `Outcome`
"""
# ruff: noqa: PLC0415 - what one rival imports is not to be counted as the memory of another

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from importlib import import_module
from typing import Any

from processes import peak_memory

EXTENSIONS = ("excel", "httpfs", "postgres_scanner")


@dataclass(frozen=True)
class Task:
    """Two tables to be compared.

    Attributes:
        source, target: How to connect: ``driver`` and the options of that driver.
        table, key, moment, columns: The same on both sides; ``moment`` is the indexed time, ``columns`` are all others.
        start, end: Compare only what lies between; None compares everything.
    """

    source: dict[str, Any]
    target: dict[str, Any]
    table: str
    key: str
    moment: str
    columns: list[str]
    start: str | None = None
    end: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What was found, in seconds from before connecting until every record was named.

    ``peak`` is the highest memory in MB, ``cpu`` the CPU-seconds of this process meanwhile.
    """

    missing: int
    extra: int
    mismatched: int
    seconds: float = 0.0
    peak: float = 0.0
    cpu: float = 0.0


def reladiff(task: Task, *, threads: int, **options: Any) -> Outcome:
    """By hashes of segments of the key, each side by its own SQL; set up as its command line does."""
    from reladiff import connect, connect_to_table, diff_tables

    sides = [
        connect_to_table(
            connect(side, threads, shared=False),
            task.table,
            task.key,
            update_column=task.moment,
            extra_columns=tuple(task.columns),
            min_update=task.start and datetime.fromisoformat(task.start),
            max_update=task.end and datetime.fromisoformat(task.end),
        )
        for side in (task.source, task.target)
    ]
    signs: dict[Any, str] = {}
    # It sorts whole rows, and fails where one of two that differ has a NULL; unsorted is faster, too.
    settings = {"threaded": True, "max_threadpool_size": 2 * threads, "skip_sort_results": True, **options}
    with diff_tables(*sides, **settings) as found:
        for sign, row in found:
            signs[row[0]] = signs.get(row[0], "") + sign
    return _outcome(list(signs.values()))


def _outcome(signs: list[str]) -> Outcome:
    return Outcome(signs.count("-"), signs.count("+"), len([sign for sign in signs if len(sign) > 1]))


def fastrecon(task: Task) -> Outcome:
    """By joins in DuckDB, both sides read by its scanner: the faster of the two sources that it has for PostgreSQL."""
    from fastrecon import PostgresSource, ReconConfig, compare

    config = ReconConfig(sample_limit=100_000)
    sides = [PostgresSource(_words(side), task.table) for side in (task.source, task.target)]
    result = compare(*sides, keys=[task.key], config=config)
    if result.error:
        raise SystemExit(result.error)
    return Outcome(result.missing_in_right, result.missing_in_left, result.changed_rows)


def duckdb(task: Task) -> Outcome:
    """By one full join of both tables, written by hand."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("LOAD postgres_scanner")
    for name, side in (("source", task.source), ("target", task.target)):
        connection.execute(f"ATTACH '{_words(side)}' AS {name} (TYPE postgres, READ_ONLY)")
    differing = " OR ".join(f"s.{name} IS DISTINCT FROM t.{name}" for name in [task.moment, *task.columns])
    rows = connection.execute(
        f"SELECT CASE WHEN t.{task.key} IS NULL THEN '-' WHEN s.{task.key} IS NULL THEN '+' ELSE '-+' END, s.*, t.*"
        f" FROM source.public.{task.table} s FULL JOIN target.public.{task.table} t USING ({task.key})"
        f" WHERE s.{task.key} IS NULL OR t.{task.key} IS NULL OR {differing}"
    ).fetchall()
    return _outcome([row[0] for row in rows])


def _words(side: dict[str, Any]) -> str:
    """How libpq wants it."""
    return " ".join(f"{name}={value}" for name, value in side.items() if name != "driver")


@dataclass(frozen=True)
class Contestant:
    """Who compares, and what that needs to have imported."""

    compare: Callable[[Task], Outcome]
    modules: tuple[str, ...]


_RELADIFF = ("reladiff", "psycopg2.extras", "mysql.connector")
CONTESTANTS = {
    "reladiff, 4 threads": Contestant(partial(reladiff, threads=4), _RELADIFF),
    # A segment of a 400th of 10M rows is downloaded at once, instead of being parted again.
    "reladiff, best settings": Contestant(
        partial(reladiff, threads=2, bisection_factor=400, bisection_threshold=50_000), _RELADIFF
    ),
    "fastrecon": Contestant(fastrecon, ("fastrecon", "pytz")),
    "DuckDB": Contestant(duckdb, ("duckdb", "pytz")),
}


def prepare() -> None:
    """Install the extensions, which DuckDB would otherwise download."""
    import duckdb
    from duckdb_extensions import import_extension

    for name in EXTENSIONS:
        import_extension(name, con=duckdb.connect())


def main() -> None:
    """Run one of them."""
    _, name = sys.argv
    if name == "prepare":
        prepare()
        return
    task = Task(**json.load(sys.stdin))
    contestant = CONTESTANTS[name]
    for module in contestant.modules:
        import_module(module)
    began, cpu = time.monotonic(), time.process_time()
    found = contestant.compare(task)
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    print(json.dumps(asdict(replace(found, seconds=seconds, cpu=cpu, peak=peak_memory()))))


if __name__ == "__main__":
    main()
