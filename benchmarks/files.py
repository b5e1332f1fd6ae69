"""How fast files are compared with a table: CSV, JSON lines and Parquet, beside PostgreSQL as the source."""

import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, time as clock
from functools import partial
from pathlib import Path

import duckdb
import planted
from harness import Figure, Run, apart, main, own_server, say, take_turns
from processes import peak_memory

from recon_assets import compare
from recon_assets.local import Server

ABOUT = """\
Compares a file of 9 mixed columns over 365 days with a PostgreSQL table in which 0.03 % of the records differ. The time
is from before connecting until every record that differs is named, the copy of the file included, each time in a new
process, whose CPU (not PostgreSQL's) and peak memory are told. What is planted must be found, or there are no figures.

  uv run python benchmarks/files.py            1M rows
  uv run python benchmarks/files.py --quick    100,000 rows
"""
MEMORY_GOAL = 600.0
"""MB; DuckDB keeps what it copies in memory while there is room."""


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - the command line's switch
    """Every format beside PostgreSQL itself."""
    rows = 100_000 if quick else 1_000_000
    with own_server() as (_, server), tempfile.TemporaryDirectory(prefix="recon-bench-files-") as folder:
        say(f"{rows:,} rows ..")
        planted.fill(server, rows)
        for side in ("source", "target"):
            planted.plant(server.url(side), side, rows)
        write(server, Path(folder))
        sides = {
            "PostgreSQL": (server.url("source"), "t"),
            **{form: (f"files:{folder}", f"t.{form}") for form in ("csv", "jsonl", "parquet")},
        }
        works = {name: partial(apart, ours, *side, server.url("target"), rows) for name, side in sides.items()}
        for name, run in take_turns(works, lambda: None, times=1 if quick else 3).items():
            yield Figure(f"{name}: time", run.seconds, "s")
            yield Figure(f"{name}: CPU of the client", run.cpu, "s")
            yield Figure(f"{name}: memory", run.peak, "MB", None if name == "PostgreSQL" else MEMORY_GOAL)


def write(server: Server, folder: Path) -> None:
    """The source as files."""
    with server.connect("source") as source, (folder / "t.csv").open("wb") as file:
        source.execute("SET TimeZone = 'UTC'")
        with source.cursor().copy("COPY (SELECT * FROM t ORDER BY id) TO STDOUT (FORMAT csv, HEADER)") as copy:
            for block in copy:
                file.write(block)
    with duckdb.connect() as made:
        made.execute("SET TimeZone = 'UTC'")
        typed = f"FROM read_csv('{folder}/t.csv', types = {{'amount': 'DECIMAL(12,2)', 'ratio': 'DOUBLE'}})"
        made.execute(f"COPY ({typed}) TO '{folder}/t.parquet'")
        zoned = 'strftime("at", \'%Y-%m-%d %H:%M:%S.%fZ\') AS "at"'
        made.execute(f"COPY (SELECT * REPLACE ({zoned}) {typed}) TO '{folder}/t.jsonl'")


def ours(url: str, table: str, target: str, rows: int) -> Run:
    """One comparison in a process of its own."""
    began, spent = time.monotonic(), time.process_time()
    first, last = (datetime.combine(day, clock()) for day in planted.window(None))
    window = (planted.MOMENT, first, last)
    found = compare(url, table, target, "t", key=[planted.KEY], window=window, max_evidence=rows)
    run = Run(time.monotonic() - began, peak_memory(), time.process_time() - spent)
    counts = {kind: getattr(found.counts, kind) for kind in ("missing", "extra", "mismatched")}
    expected = planted.wrong(rows)
    if found.not_compared or any(counts[kind] != expected[kind] for kind in counts):
        msg = f"{table}: found {counts}, planted {dict(expected)}, not compared {found.not_compared}"
        raise AssertionError(msg)
    return run


if __name__ == "__main__":
    main("files", ABOUT, measure)
