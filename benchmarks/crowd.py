"""A ledger that is large: made-up findings, records and cases of many tables and years, filled in by SQL."""

from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from recon_assets.checks import Checksum, ColumnFigure, Count, Fields, Keys
from recon_assets.ledger import Ledger
from recon_assets.local import Server
from recon_assets.model import Calendar, Database, Project, Relation, TableSpec

TABLES, DAYS = 40, 2_500
WINDOWS = TABLES * DAYS
CHECKS = (Count(), ColumnFigure("sum", "amount"), Keys(), Fields(), Checksum())
ROUNDS = 2
FINDINGS = WINDOWS * len(CHECKS) * ROUNDS
MANY = 10_000
"""Records of the one case that has many: table 0's first day."""
START = date(2018, 1, 1)

SIDES = """
CREATE TABLE t{n} (id bigint PRIMARY KEY, at timestamp NOT NULL, amount numeric(12, 2));
CREATE INDEX ON t{n} (at)
"""
# Window w is of table w % 40 and day w / 40, evaluation e of window (e - 1) % 100,000, finding f of check (f - 1) % 5.
FILL = [
    """
    INSERT INTO recon.evaluation (id, project, at, run, findings)
    SELECT e, 'default', now() - interval '2 days' + e * interval '0.5 s', 'run' || e / 31, :checks
    FROM generate_series(1, :windows * :rounds) AS e
    """,
    """
    INSERT INTO recon.finding (id, evaluation, project, table_name, window_key, check_name, passed, failed, severity,
        wrong, looked_at, said) OVERRIDING SYSTEM VALUE
    SELECT f, e, 'default', 't' || w % :tables, CAST(:start AS date) + w / :tables, (CAST(:names AS text[]))[k],
        not bad, bad, CASE WHEN bad THEN 1 + w % 3 END, CAST(bad AS int), 100, json_build_object(
            'summary', 't' || w % :tables || ' ' || (CAST(:start AS date) + w / :tables)
                || ': 1 missing and 0 extra; 100 records in source, 99 in target',
            'source', 100, 'target', 100 - CAST(bad AS int), 'in_flight', 0, 'kinds', CASE k
                WHEN 3 THEN CAST('{"missing": 1, "extra": 0}' AS json)
                WHEN 4 THEN CAST('{"mismatched": 0}' AS json)
                WHEN 5 THEN CAST('{"missing": 1, "extra": 0, "mismatched": 0}' AS json)
                ELSE CAST('{}' AS json) END,
            'details', NULL, 'reasons', CASE WHEN k = 5
                THEN CAST('["All of them were written between 3:00 and 4:00"]' AS json) ELSE CAST('[]' AS json) END,
            'error', NULL, 'accepted', NULL)
    FROM generate_series(1, :windows * :rounds * :checks) AS f,
        LATERAL (SELECT (f - 1) / :checks + 1 AS e, (f - 1) % :checks + 1 AS k) AS a,
        LATERAL (SELECT (e - 1) % :windows AS w, k IN (1, 3, 5) AS bad) AS b
    """,
    """
    INSERT INTO recon.discrepancy (content, project, id, fingerprint, table_name, kind, key, shape, cells)
    SELECT CAST(md5('r' || r) AS uuid), 'default', substr(md5('id' || r), 1, 16), substr(md5('f' || r), 1, 16),
        't' || w % :tables, 'missing', '[' || r || ']',
        json_build_array(CAST('["id", "at", "amount"]' AS json), NULL, CAST('[]' AS json),
            CAST(:start AS date) + w / :tables),
        json_build_array(r, (CAST(:start AS date) + w / :tables) || 'T03:00:00', '12.50')
    FROM generate_series(0, :windows + :many - 1) AS r,
        LATERAL (SELECT CASE WHEN r < :windows THEN r ELSE 0 END AS w) AS a
    """,
    """
    INSERT INTO recon.finding_record (finding, content)
    SELECT f, CAST(md5('r' || r) AS uuid)
    FROM generate_series(0, :windows + :many - 1) AS r,
        LATERAL (SELECT CASE WHEN r < :windows THEN r ELSE 0 END AS w) AS a,
        generate_series(0, :rounds - 1) AS round, unnest(ARRAY[3, 5]) AS k,
        LATERAL (SELECT (round * :windows + w) * :checks + k AS f) AS b
    """,
    """
    INSERT INTO recon.record_history
    SELECT 'default', substr(md5('id' || r), 1, 16), now() - interval '2 days', now() - interval '1 day',
        :windows * (:rounds - 1) + w + 1, :rounds, 0
    FROM generate_series(0, :windows + :many - 1) AS r,
        LATERAL (SELECT CASE WHEN r < :windows THEN r ELSE 0 END AS w) AS a
    """,
    """
    INSERT INTO recon.latest_finding
        (project, table_name, window_key, check_name, finding, evaluation, complete, outcome)
    SELECT project, table_name, window_key, check_name, id, evaluation, evaluation,
        CASE WHEN failed THEN 'failed' ELSE 'passed' END
    FROM recon.finding WHERE evaluation > :windows * (:rounds - 1)
    """,
    """
    INSERT INTO recon.window_status (project, table_name, window_key, evaluation, compared, outcomes)
    SELECT project, table_name, window_key, evaluation, evaluation,
        array_agg(outcome || ' ' || check_name ORDER BY check_name)
    FROM recon.latest_finding GROUP BY project, table_name, window_key, evaluation
    """,
    """
    INSERT INTO recon.review_case (project, table_name, window_key, kind, state, closed, version, severity, wrong,
        named, summary, findings, opened, changed, reopened, assignee, decided_by, undo, shown_version, pruned)
    SELECT 'default', 't' || w % :tables, CAST(:start AS date) + w / :tables, kind, state, state = 'RESOLVED', version,
        1 + w % 3, 1, 1, to_json('t' || w % :tables || ' ' || (CAST(:start AS date) + w / :tables) || ': 1 record'),
        ARRAY[(:windows + w) * :checks + 3, (:windows + w) * :checks + 5],
        now() - interval '1 day' + w * interval '1 s', now() - interval '12 hours', 0,
        CASE WHEN w % 10 = 0 THEN 'ana' ELSE '' END, '', false, version, false
    FROM generate_series(0, :windows - 1) AS w,
        (VALUES ('missing', 'PENDING', 1), ('mismatched', 'RESOLVED', 2)) AS of_kind (kind, state, version)
    """,
    """
    UPDATE recon.review_case SET wrong = :many + 1, named = 10000
    WHERE table_name = 't0' AND window_key = :start AND kind = 'missing'
    """,
    """
    INSERT INTO recon.case_event (review_case, n, at, act, who, note, data)
    SELECT id, n, opened, CASE n WHEN 1 THEN 'found' ELSE 'resolved' END, 'recon', '"The policy leaves it"',
        json_build_object('findings', findings, 'severity', 'high', 'wrong', wrong, 'named', named, 'summary', summary,
            'evaluation', :windows * :rounds)
    FROM recon.review_case, generate_series(1, version) AS n
    """,
    "INSERT INTO recon.project VALUES ('default', '') ON CONFLICT DO NOTHING",
    "SELECT setval(pg_get_serial_sequence('recon.evaluation', 'id'), :windows * :rounds)",
    "SELECT setval(pg_get_serial_sequence('recon.finding', 'id'), :windows * :rounds * :checks)",
]


def project(server: Server) -> Project:
    """Its tables, as they are declared."""
    databases = {name: Database(name, server.url(name)) for name in ("source", "target")}
    days = Calendar("at", START, START + timedelta(days=DAYS))
    names = [f"t{number}" for number in range(TABLES)]
    tables = {
        name: TableSpec(name, Relation("source", name), Relation("target", name), ("id",), days, checks=CHECKS)
        for name in names
    }
    return Project(databases, tables)


def fill(book: Ledger, declared: Project) -> None:
    """Write all of it; each window lacks one record in the target, which its open case is of."""
    numbers: dict[str, Any] = {
        "tables": TABLES,
        "windows": WINDOWS,
        "rounds": ROUNDS,
        "checks": len(CHECKS),
        "many": MANY,
        "start": START.isoformat(),
        "names": [check.name for check in CHECKS],
    }
    with book.begin() as connection:
        for statement in FILL:
            wanted = {name: value for name, value in numbers.items() if f":{name}" in statement}
            connection.execute(sa.text(_typed(statement, wanted)))
    with book.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
    for name, database in declared.databases.items():
        engine = sa.create_engine(database.url)
        with engine.begin() as connection:
            for number in range(TABLES):
                connection.execute(sa.text(SIDES.format(n=number)))
                if name == "source":
                    rows = f"SELECT {number} + d * {TABLES}, timestamp '{START}' + d * interval '1 day', 12.5"
                    days = f"INSERT INTO t{number} {rows} FROM generate_series(0, {DAYS - 1}) AS d"
                    connection.execute(sa.text(days))
        engine.dispose()


def _typed(statement: str, wanted: dict[str, Any]) -> str:
    """With the values in it: whose types the server could not tell of parameters."""
    for name, value in wanted.items():
        literal = f"'{{{','.join(value)}}}'" if isinstance(value, list) else f"'{value}'" if name == "start" else value
        statement = statement.replace(f":{name}", str(literal))
    return statement
