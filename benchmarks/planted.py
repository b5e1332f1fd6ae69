"""The tables of `diff.py`: 9 mixed columns over 365 days, equal at first, then with faults in 20 of the days.

PostgreSQL and MariaDB hold the same values; faults are planted by SQL that both understand.
"""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pymysql
import sqlalchemy as sa

from recon_assets.local import Server
from recon_assets_tests.mariadb import MariaDB

KEY, MOMENT = "id", "at"
COLUMNS = ("account", "amount", "ratio", "status", "name", "active", "born")
FIRST, DAYS = date(2023, 1, 1), 365
POSTGRESQL = """
CREATE TABLE t (
    id bigint NOT NULL, account integer NOT NULL, amount numeric(12,2), ratio double precision, status text,
    name varchar(60), active boolean, born date, at timestamptz NOT NULL
) WITH (autovacuum_enabled = off)
"""
ROWS = """
INSERT INTO t
SELECT i, mod(i * 7919, 100000), mod(i * 31, 1000000) / 100.0, mod(i, 1000) / 7.0,
    (array['open', 'paid', 'shipped', 'void'])[1 + mod(i, 4)], 'customer number ' || i, mod(i, 3) = 0,
    date '1990-01-01' + mod(i, 10000)::integer, '2023-01-01'::timestamptz + i * (interval '365 days' / {rows})
FROM generate_series(0::bigint, {rows} - 1) AS i
"""
INDEXES = ("ALTER TABLE t ADD PRIMARY KEY (id)", "CREATE INDEX t_at ON t (at)")
# The default keeps MariaDB from setting the time anew whenever a row changes.
MARIADB = """
CREATE TABLE t (
    id bigint PRIMARY KEY, account int NOT NULL, amount decimal(12,2), ratio double, status text,
    name varchar(60), active boolean, born date, at timestamp(6) NOT NULL DEFAULT '2023-01-01', KEY t_at (at)
)
"""
OUT = """
COPY (SELECT id, account, amount, ratio, status, name, active::integer, born, at AT TIME ZONE 'UTC' FROM t) TO STDOUT
"""

DAMAGED_DAYS = range(9, 365, 18)
SHARE = 0.0003
SPOILT = {
    "account": "account + 1",
    "amount": "amount + 0.01",
    "ratio": "ratio + 1",
    "status": "NULL",
    "name": "concat(name, ' ')",
    "active": "NOT active",
    "born": "born + interval '1' day",
    "at": "at + interval '1' second",
}


@dataclass(frozen=True)
class Fault:
    """One record that is made wrong: it goes ``missing``, is ``extra``, or ``column`` is mismatched."""

    id: int
    day: int
    kind: str
    column: str | None = None


def faults(rows: int) -> Iterator[Fault]:
    """A fifth is missing, a fifth extra, all else mismatched; each column has its share."""
    a_day = round(rows * SHARE / len(DAMAGED_DAYS))
    for number, day in enumerate(DAMAGED_DAYS):
        # From one row after midnight, so that no fault moves a row to another day.
        first, stride = -(-rows * day // DAYS) + 1, rows // DAYS // a_day
        for i in range(a_day):
            kind, column = ("missing", "extra", *["mismatched"] * 3)[i % 5], list(SPOILT)[(i + number) % len(SPOILT)]
            yield Fault(first + i * stride, day, kind, column if kind == "mismatched" else None)


def wrong(rows: int, day: int | None = None) -> Counter[str]:
    """How many records of each kind are to be found, of one day or of all."""
    return Counter(fault.kind for fault in faults(rows) if day in {None, fault.day})


def window(day: int | None) -> tuple[date, date]:
    """One day, or all of them."""
    start = FIRST + timedelta(days=day or 0)
    return start, start + timedelta(days=DAYS if day is None else 1)


def fill(server: Server, rows: int) -> None:
    """Equal tables in the source and the target, with indexes and statistics."""
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda database: _fill(server, database, rows), ("source", "target")))


def _fill(server: Server, database: str, rows: int) -> None:
    with server.connect(database) as connection:
        for statement in (POSTGRESQL, ROWS.format(rows=rows), *INDEXES, "VACUUM ANALYZE t"):
            connection.execute(statement)


def copy(server: Server, mariadb: MariaDB) -> str:
    """The same table in MariaDB; its URL."""
    mariadb.execute("CREATE DATABASE bench")
    with (
        tempfile.NamedTemporaryFile(prefix="recon-bench-") as file,
        server.connect("source") as source,
        pymysql.connect(
            unix_socket=str(mariadb.socket), user="root", database="bench", local_infile=True, autocommit=True
        ) as target,
    ):
        with source.cursor().copy(OUT) as blocks:
            file.writelines(blocks)
        file.flush()
        for statement in (MARIADB, f"LOAD DATA LOCAL INFILE '{Path(file.name)}' INTO TABLE t", "ANALYZE TABLE t"):
            target.cursor().execute(statement)
    return mariadb.url("bench")


def plant(url: str, side: str, rows: int) -> None:
    """Make the records wrong, as far as that is done on this side."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for change, ids in _changes(side, rows).items():
            connection.execute(sa.text(f"{change} WHERE id IN ({', '.join(map(str, ids))})"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE t" if engine.dialect.name == "postgresql" else "ANALYZE TABLE t"))
    engine.dispose()


def _changes(side: str, rows: int) -> dict[str, list[int]]:
    """Statements, each with the records that it is for. A record that the source lacks is extra."""
    lost = "extra" if side == "source" else "missing"
    changes: dict[str, list[int]] = defaultdict(list)
    for fault in faults(rows):
        if fault.kind == lost:
            changes["DELETE FROM t"].append(fault.id)
        elif fault.column and side == "target":
            changes[f"UPDATE t SET {fault.column} = {SPOILT[fault.column]}"].append(fault.id)
    return changes
