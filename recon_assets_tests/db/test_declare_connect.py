# ruff: noqa: E501 - a message is one line, as people see it
"""`recon validate --connect`: each fault that only the databases know is named, with what to do."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from recon_assets.declare import read
from recon_assets.declare.connect import connected
from recon_assets.dialect import check_url
from recon_assets_tests.conftest import Dialect, Fresh

TABLE = "CREATE TABLE {name} (id integer PRIMARY KEY, day date NOT NULL, amount numeric(10,2), note varchar(20))"
PLAIN = """\
databases:
  ops: {url: {env: SOURCE}}
  lake: {url: {env: TARGET}}
tables:
  t:
    source: {database: ops, table: t}
    target: {database: lake, table: t}
    key: [id]
    window: {column: day, start: 2024-01-01}
    columns: {ignore: []}
"""

Execute = Callable[..., None]


class Sides:
    """Two databases and the declaration between them."""

    def __init__(self, urls: dict[str, str], folder: Path) -> None:
        self.urls = urls
        self.path = folder / "tables.yaml"

    def run(self, side: str, *statements: str) -> None:
        """Runs statements as the side's account."""
        engine = sa.create_engine(self.urls[side])
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    def problems(self, text: str = PLAIN) -> list[str]:
        """What is wrong with the declaration, but for the source's account."""
        self.path.write_text(text)
        found = connected(read(self.path, self.urls)).problems
        return [f"{problem.severity}: {problem}" for problem in found if "source must refuse" not in problem.message]


@pytest.fixture
def sides(fresh: Fresh, tmp_path: Path) -> Sides:
    """Two PostgreSQL databases with the same table."""
    both = Sides({"SOURCE": fresh("postgresql"), "TARGET": fresh("postgresql")}, tmp_path)
    for side in both.urls:
        both.run(side, TABLE.format(name="t"))
    return both


def test_sound_tables_have_no_problem(sides: Sides) -> None:
    """Nothing is found where nothing is wrong."""
    assert not sides.problems()


def test_dates_have_no_hours(sides: Sides) -> None:
    """They do have weeks."""
    for side in sides.urls:
        sides.run(side, "ALTER TABLE t ALTER day TYPE date")

    said = sides.problems(PLAIN.replace("start: 2024-01-01", "start: 2024-01-01, unit: hour"))
    assert [line.partition(". ")[0] for line in said] == 2 * [
        "error: line 9: tables.t.window.unit: `day` is date, which has no hours"
    ]
    assert not sides.problems(PLAIN.replace("start: 2024-01-01", "start: 2024-01-01, unit: week"))


SOURCE_FAULTS = [
    pytest.param(
        "DROP TABLE t; CREATE TABLE tt (id int)",
        "error: line 6: tables.t.source: ops:t: there is no such table; did you mean 'public.tt'?",
        id="no table",
    ),
    pytest.param(
        "ALTER TABLE t RENAME id TO ident", "error: line 8: tables.t.key[0]: the source has no column 'id'", id="no key"
    ),
    pytest.param(
        "ALTER TABLE t RENAME day TO days",
        "error: line 9: tables.t.window.column: the source has no column 'day'. Did you mean 'days'",
        id="no window",
    ),
    pytest.param(
        "ALTER TABLE t ALTER day TYPE text",
        "error: line 9: tables.t.window.column: `day` is text, which has no days. Choose a date or timestamp column, or cast it under `columns.cast`.",
        id="text window",
    ),
    pytest.param(
        "ALTER TABLE t ALTER day DROP NOT NULL; INSERT INTO t (id) VALUES (1), (2)",
        "warning: line 9: tables.t.window.column: `day` (2 rows): NULL belongs to no day: such rows are compared, and no load brings them. Declare `window: none`, or choose another column.",
        id="null window",
    ),
    pytest.param(
        "ALTER TABLE t ADD tags text[]",
        "error: line 10: tables.t.columns: tags: the target has no column 'tags'",
        id="only source",
    ),
    pytest.param(
        "ALTER TABLE t ALTER note TYPE text[] USING NULL",
        "error: line 10: tables.t.columns: note: text[] of the source has no exact form in other databases",
        id="array",
    ),
    pytest.param(
        "ALTER TABLE t ALTER note TYPE bytea USING NULL",
        "error: line 10: tables.t.columns: `note`: bytea cannot become character varying(20). Cast it under `columns.cast`, ignore it, or change the target's type.",
        id="kind",
    ),
    pytest.param(
        "ALTER TABLE t ALTER note TYPE text",
        "warning: line 10: tables.t.columns: `note`: text does not always fit into character varying(20): it holds 20 characters",
        id="narrower",
    ),
    pytest.param(
        "ALTER TABLE t ALTER amount TYPE numeric(12,3)",
        "warning: line 10: tables.t.columns: `amount`: numeric(12,3) does not always fit into numeric(10,2): it holds 8 digits before the point and 2 after it",
        id="digits",
    ),
    pytest.param(
        "ALTER TABLE t ALTER id TYPE bigint",
        "warning: line 10: tables.t.columns: `id`: bigint does not always fit into integer: it holds -2147483648 to 2147483647",
        id="range",
    ),
    pytest.param(
        "ALTER TABLE t DROP CONSTRAINT t_pkey",
        "warning: line 8: tables.t.key: nothing keeps (id) unique in the source. Add a unique constraint on (id), or choose a key that has one.",
        id="not unique",
    ),
]


@pytest.mark.parametrize(("statement", "message"), SOURCE_FAULTS)
def test_fault_of_the_source_is_named(sides: Sides, statement: str, message: str) -> None:
    """Tables, columns, types and keys of the source."""
    sides.run("SOURCE", statement)

    found = sides.problems()
    assert any(problem.startswith(message) for problem in found), found


TARGET_FAULTS = [
    pytest.param(
        "DROP TABLE t", "error: line 7: tables.t.target: lake:t: there is no such table; there are none", id="no table"
    ),
    pytest.param(
        "ALTER TABLE t DROP CONSTRAINT t_pkey",
        "warning: line 8: tables.t.key: nothing keeps (id) unique in the target. Add a unique constraint on (id), or choose a key that has one.",
        id="not unique",
    ),
    pytest.param(
        "ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD UNIQUE (id); ALTER TABLE t ALTER id DROP NOT NULL",
        "warning: line 8: tables.t.key: `id` may be NULL in the target. Rows without a key cannot be told apart: make it NOT NULL, or leave it out of the key.",
        id="nullable",
    ),
    pytest.param(
        "ALTER TABLE t ADD must text NOT NULL",
        "error: line 10: tables.t.columns: must: only the target has this column,",
        id="must",
    ),
    pytest.param(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER stamp BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
        "warning: line 7: tables.t.target: the target has triggers: stamp. They fire for every row that is loaded; make sure that they may.",
        id="trigger",
    ),
    pytest.param(
        "CREATE TABLE child (t integer REFERENCES t ON DELETE CASCADE)",
        "warning: line 7: tables.t.target: deleting rows would also change child by their foreign keys. Mode `replace` is refused for this table.",
        id="cascade",
    ),
]


@pytest.mark.parametrize(("statement", "message"), TARGET_FAULTS)
def test_fault_of_the_target_is_named(sides: Sides, statement: str, message: str) -> None:
    """Tables, columns, keys, triggers and cascades of the target."""
    sides.run("TARGET", statement)

    found = sides.problems()
    assert any(problem.startswith(message) for problem in found), found


DECLARED_FAULTS = [
    pytest.param(
        "ignore: []",
        "ignore: [nose]",
        "error: line 10: tables.t.columns.ignore[0]: neither side has a column 'nose'. Did you mean 'note'?",
        id="ignore",
    ),
    pytest.param(
        "ignore: []",
        "rename: {nte: note}",
        "error: line 10: tables.t.columns.rename.nte: the source has no column 'nte'. Did you mean 'note'?",
        id="rename",
    ),
    pytest.param(
        "ops, table: t}",
        "ops, query: select * from nowhere}",
        'error: line 6: tables.t.source: ops:(query): relation "nowhere" does not exist',
        id="query",
    ),
    pytest.param(
        "columns: {ignore: []}",
        "where: aamount > 0",
        "error: line 10: tables.t.where: planning where in the target: column \"aamount\" does not exist; did you mean 'amount'?",
        id="where",
    ),
    pytest.param(
        "columns: {ignore: []}",
        "checks: [{kind: references, column: ident, parent: t}]",
        "error: line 10: tables.t.checks[0]: the source has no column `ident`. Known: amount, day, id, note.",
        id="check",
    ),
    pytest.param(
        "ignore: []",
        "rules: {amuont: {abs: 1}}",
        "error: line 10: tables.t.columns.rules.amuont: the source has no column `amuont`. Did you mean `amount`?",
        id="rule",
    ),
    pytest.param(
        "ignore: []",
        "rules: {note: {abs: 1}}",
        "error: line 10: tables.t.columns.rules.note: `note`: abs, rel and scale mean nothing for character varying(20). Remove the rule, or say what to read it as.",
        id="rule of numbers",
    ),
    pytest.param(
        "ignore: []",
        "rules: {amount: {strip: true}}",
        "error: line 10: tables.t.columns.rules.amount: `amount`: strip, rstrip, ignore_case and unicode mean nothing for numeric(10,2)",
        id="rule of texts",
    ),
    pytest.param(
        "ignore: []",
        "private: [nose]",
        "error: line 10: tables.t.columns.private: neither side has a column `nose`. Did you mean `note`?",
        id="private",
    ),
    pytest.param(
        "columns: {ignore: []}",
        "updated_at: at",
        "error: line 10: tables.t.updated_at: the source has no column `at`. Known: amount, day, id, note.",
        id="no age",
    ),
    pytest.param(
        "columns: {ignore: []}",
        "updated_at: amount",
        "error: line 10: tables.t.updated_at: `amount` is numeric(10,2), which has no age. Choose a timestamp.",
        id="ageless",
    ),
    pytest.param(
        "columns: {ignore: []}",
        "checks: [{kind: sum, column: note}]",
        "error: line 10: tables.t.checks[0]: `note` is character varying(20), of which there is no sum. Choose a column of numbers.",
        id="sum of texts",
    ),
    pytest.param(
        "columns: {ignore: []}",
        "checks: [{kind: max, column: note, tolerance: 1}]",
        "error: line 10: tables.t.checks[0]: `note` is character varying(20), to which no tolerance applies. Remove the tolerance.",
        id="tolerance of texts",
    ),
    pytest.param(
        "columns: {ignore: []}",
        "checks: [{kind: order, monotonic: note, along: id}]",
        "error: line 10: tables.t.checks[0]: `note` is character varying(20), which has no order. Choose a date or timestamp.",
        id="order of texts",
    ),
    pytest.param(
        "columns: {ignore: []}",
        "checks: [{kind: order, not_future: amount}]",
        "error: line 10: tables.t.checks[0]: `amount` is numeric(10,2), which is never in the future. Choose a date or timestamp.",
        id="future of numbers",
    ),
    pytest.param(
        "columns: {ignore: []}",
        "checks: [count, {kind: count, name: paid, where: payd}]",
        'error: line 10: tables.t.checks[1]: planning the check: column "payd" does not exist',
        id="where of a check",
    ),
    pytest.param(
        "columns: {ignore: []}",
        "checks: [{kind: rule, name: r, source: 'select sum(amuont) from t where day >= :window_start', target: 'select 1 where :window_start is not null'}]",
        'error: line 10: tables.t.checks[0]: planning the check: column "amuont" does not exist',
        id="query of a rule",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "message"), DECLARED_FAULTS)
def test_fault_of_the_declaration_is_named(sides: Sides, right: str, wrong: str, message: str) -> None:
    """What the declaration says of columns, and SQL in it, is held against the databases."""
    found = sides.problems(PLAIN.replace(right, wrong))
    assert any(problem.startswith(message) for problem in found), found


SOUND = """\
    columns: {rules: {amount: {abs: 0.01}, note: {rstrip: true}, day: {precision: 0}}, private: note}
    updated_at: day
    grace_period: 15m
    checks:
      - {kind: count, by: day, where: "note like 'a:b%'"}
      - {kind: sum, column: amount, where: amount > 0}
      - {kind: min, column: note, name: least, where: false}
      - {kind: order, monotonic: day, along: id, per: note}
      - {kind: order, in_window: true}
      - keys
      - fields
      - checksum
      - schema
      - kind: rule
        name: revenue
        by: day
        source: |
          select day, sum(amount) as n from t
          where day >= :window_start and day < :window_end and note <> 'a:b' group by day -- by day
        target: select day, sum(amount) as n from t where day between :window_start and :window_end::date group by day
"""


def test_sound_checks_have_no_problem(sides: Sides) -> None:
    """Checks of every kind, planned with their SQL and the window's ends."""
    text = PLAIN.replace("    columns: {ignore: []}\n", SOUND).replace("column: note, name", "column: id, name")

    assert not sides.problems(text)


RULE = "select day, sum(amount) as n from t where day >= :window_start and day < :window_end and note <> 'a:b' group by day"


@pytest.mark.parametrize(("source", "target"), [("mysql", "postgresql"), ("postgresql", "mysql"), ("duckdb", "mysql")])
def test_sound_checks_have_no_problem_between_databases(
    fresh: Fresh, tmp_path: Path, source: Dialect, target: Dialect
) -> None:
    """SQL of checks is planned by each database in its own way, with the ends of a day as it has them."""
    both = Sides({"SOURCE": fresh(source), "TARGET": fresh(target)}, tmp_path)
    for side in both.urls:
        both.run(side, TABLE.format(name="t"))
    rule = f"- {{kind: rule, name: revenue, by: day, source: {RULE!r}, target: {RULE!r}}}".replace("\\'", "''")
    text = PLAIN.replace(
        "    columns: {ignore: []}\n",
        f"    checks:\n      - {{kind: keys, where: amount > 0}}\n      - fields\n      - schema\n      {rule}\n",
    )

    wrong = [line for line in both.problems(text.replace("sum(amount)", "sum(amuont)")) if line.startswith("error")]
    assert len(wrong) == 2
    assert all("tables.t.checks[3]: planning the check" in line for line in wrong)
    assert not [line for line in both.problems(text) if not line.startswith("warning")]


def test_types_without_a_common_meaning_cannot_be_compared(sides: Sides) -> None:
    """They may be loaded, but records of them cannot be compared until a rule says as what."""
    sides.run("SOURCE", "ALTER TABLE t ALTER note TYPE date USING NULL")
    text = PLAIN.replace("columns: {ignore: []}", "checks: [keys]")

    found = sides.problems(text)
    assert any("`note`: date and character varying(20) have no common meaning. Say by a rule" in line for line in found)
    ruled = text.replace("checks:", "columns: {rules: {note: {as: timestamp}}}\n    checks:")
    assert not any("common meaning" in line for line in sides.problems(ruled))


def test_order_is_looked_for_in_columns_of_the_target(sides: Sides) -> None:
    """They need not be compared; but where both sides have them, they go by the source's name."""
    sides.run("TARGET", "ALTER TABLE t ADD loaded date, ADD tag text; ALTER TABLE t RENAME note TO remark")
    columns = (
        "columns: {ignore: [loaded, tag], rename: {note: remark}}\n    checks: [{kind: order, columns: [day, COLUMN]}]"
    )
    text = PLAIN.replace("columns: {ignore: []}", columns)

    assert not sides.problems(text.replace("COLUMN", "loaded"))
    assert sides.problems(text.replace("COLUMN", "tag")) == [
        "error: line 11: tables.t.checks[0]: `tag` is text, which has no order. Choose a date or timestamp."
    ]
    assert sides.problems(text.replace("COLUMN", "remark"))[0].endswith("Write the source's name: `note`.")


def test_age_is_needed_on_both_sides(sides: Sides) -> None:
    """A row may be young on either side."""
    sides.run("SOURCE", "ALTER TABLE t ADD at timestamp")
    text = PLAIN.replace("columns: {ignore: []}", "columns: {ignore: at}\n    updated_at: at")

    assert any("tables.t.updated_at: the target has no column `at`" in line for line in sides.problems(text))


def test_all_problems_come_at_once(sides: Sides) -> None:
    """A fault of one table hides none of another, nor one of its form, columns or SQL another of it; each on its line."""
    other = PLAIN[PLAIN.index("  t:") :].replace("  t:", "  u:").replace("table: t", "table: u")

    found = sides.problems(PLAIN.replace("ignore: []", "ignore: [nose]") + other)
    assert [problem.split(": ")[2] for problem in found] == [
        "tables.t.columns.ignore[0]",
        "tables.u.source",
        "tables.u.target",
    ]

    several = PLAIN.replace(
        "    key: [id]\n",
        "    key:\n      - id\n      - nr\n    checks: [{kind: sum, column: amuont}, {kind: summ}]\n    group: a b\n    wheree: x\n"
        "    where: notex = 'x'\n",
    )
    assert [problem.partition(". ")[0] for problem in sides.problems(several)] == [
        "error: line 10: tables.t.key[1]: the source has no column 'nr'",
        "error: line 11: tables.t.checks[1]: unknown kind of check `summ`",
        "error: line 11: tables.t.checks[0]: the source has no column `amuont`",
        "error: line 12: tables.t.group: expected letters, digits and _, beginning with a letter, found `a b`",
        "error: line 13: tables.t.wheree: unknown key `wheree`",
        "error: line 14: tables.t.where: planning where in the source: column \"notex\" does not exist; did you mean 'note'?",
        "error: line 14: tables.t.where: planning where in the target: column \"notex\" does not exist; did you mean 'note'?",
    ]


def test_query_is_planned(sides: Sides) -> None:
    """A query is looked at like a table; its keys cannot be known, so nothing is said of them."""
    query = "query: 'select id, day, amount, note from t where note <> $$a:b$$'}\n    target"

    assert not sides.problems(PLAIN.replace("table: t}\n    target", query))


def test_database_that_does_not_answer_is_unavailable(sides: Sides) -> None:
    """The other side is looked at all the same; the password is not shown."""
    sides.urls["SOURCE"] = "postgresql://reader:hunter2@127.0.0.1:1/nothing"

    found = sides.problems(PLAIN.replace("lake, table: t", "lake, table: nowhere"))

    assert [problem.split(": ")[:3] for problem in found] == [
        ["unavailable", "line 2", "databases.ops"],
        ["error", "line 7", "tables.t.target"],
    ]
    assert "hunter2" not in "".join(found)


@pytest.mark.parametrize("extra", ["mysql", "duckdb"])
def test_missing_driver_names_the_extra(
    sides: Sides, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, extra: str
) -> None:
    """Without an extra the message says which one to install."""
    monkeypatch.setitem(sys.modules, {"mysql": "pymysql", "duckdb": "duckdb"}[extra], None)
    # An earlier test may have loaded the dialect, which keeps its driver.
    monkeypatch.delitem(sys.modules, "duckdb_engine", raising=False)
    monkeypatch.delitem(sa.dialects.registry.impls, "duckdb", raising=False)
    (tmp_path / "there.duckdb").touch()
    sides.urls["SOURCE"] = {"mysql": "mysql://root@127.0.0.1:1/n", "duckdb": f"duckdb:///{tmp_path}/there.duckdb"}[
        extra
    ]

    assert f"is not installed; install it: pip install 'recon-assets[{extra}]'" in sides.problems()[0]


def roles(sides: Sides, side: str, *statements: str) -> str:
    """A role of PostgreSQL that is no superuser; its database is connected to as that role from here on."""
    name = f"role_{sa.make_url(sides.urls[side]).database}"
    sides.run(side, f"DROP ROLE IF EXISTS {name}", f"CREATE ROLE {name} LOGIN")
    sides.run(side, *(statement.format(name=name) for statement in statements))
    sides.urls[side] = check_url(sides.urls[side]).set(username=name).render_as_string(hide_password=False)
    return name


def drop(sides: Sides, side: str, name: str, admin: str) -> None:
    sides.urls[side] = admin
    sides.run(side, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def safety(sides: Sides, declaration: str = PLAIN) -> list[str]:
    sides.path.write_text(declaration)
    return [problem.hint for problem in connected(read(sides.path, sides.urls)).problems if "refuse" in problem.message]


def test_source_that_takes_writes_is_warned_of_and_the_statements_mend_it(sides: Sides) -> None:
    """A superuser and a writer are warned of; after the statements of the warning there is none."""
    admin = sides.urls["SOURCE"]
    assert "GRANT pg_read_all_data TO recon_reader" in safety(sides)[0]
    name = roles(sides, "SOURCE", "GRANT ALL ON t TO {name}")
    try:
        (hint,) = safety(sides)
        assert hint.startswith(f'REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON public."t" FROM {name};\n')
        writer, sides.urls["SOURCE"] = sides.urls["SOURCE"], admin
        sides.run("SOURCE", hint)
        sides.urls["SOURCE"] = writer
        assert not sides.problems()
        assert not safety(sides)
    finally:
        drop(sides, "SOURCE", name, admin)


def test_target_without_privileges_gets_the_grants(sides: Sides) -> None:
    """What the account may not do is an error; after the statements of its hint there is none."""
    admin = sides.urls["TARGET"]
    base = sa.make_url(admin).database
    sides.run("TARGET", f"REVOKE TEMPORARY ON DATABASE {base} FROM PUBLIC")
    name = roles(sides, "TARGET", "GRANT SELECT ON t TO {name}")
    try:
        (message,) = sides.problems()
        assert f"the target's account {name} may not INSERT, UPDATE, DELETE, make temporary tables" in message
        assert f"GRANT TEMPORARY ON DATABASE {base} TO {name};" in message
        writer, sides.urls["TARGET"] = sides.urls["TARGET"], admin
        sides.run(
            "TARGET", f"GRANT INSERT, UPDATE, DELETE ON t TO {name}; GRANT TEMPORARY ON DATABASE {base} TO {name}"
        )
        sides.urls["TARGET"] = writer
        assert f'GRANT INSERT, UPDATE, DELETE ON public."t" TO {name};' in message
        assert not sides.problems()
    finally:
        sides.urls["TARGET"] = admin
        sides.run("TARGET", f"REVOKE TEMPORARY ON DATABASE {base} FROM {name}")
        sides.run("TARGET", f"GRANT TEMPORARY ON DATABASE {base} TO PUBLIC")
        drop(sides, "TARGET", name, admin)


def test_source_that_may_not_be_read_says_what_to_grant(sides: Sides) -> None:
    """An account without SELECT is told to ask for it."""
    admin = sides.urls["SOURCE"]
    name = roles(sides, "SOURCE")
    try:
        assert any("Grant the account SELECT" in problem for problem in sides.problems())
    finally:
        drop(sides, "SOURCE", name, admin)


MORE = [
    (name, f"source: {{database: ops, table: {of}}}, target: {{database: lake, table: {of}}}, key: [id], window: none")
    for name, of in (("again", "t"), ("u", "u"))
]


def test_mariadb_accounts_are_looked_at(fresh: Fresh, tmp_path: Path) -> None:
    """An administrator is warned of as a source; a reader is not, and lacks what a target needs."""
    sides = Sides({"SOURCE": fresh("mysql"), "TARGET": fresh("mysql")}, tmp_path)
    database, target = (sa.make_url(url).database for url in sides.urls.values())
    for side in sides.urls:
        sides.run(side, TABLE.format(name="t"), TABLE.format(name="u"))
    more = "".join(f"  {name}: {{{body}}}\n" for name, body in MORE)
    (both,) = safety(sides, PLAIN + more)
    (hint,) = safety(sides)
    assert [line.partition(" TO ")[0] for line in both.split("\n")] == [
        "CREATE USER 'recon_reader'@'%' IDENTIFIED BY '...';",
        f"GRANT SELECT ON {database}.`t`",
        f"GRANT SELECT ON {database}.`u`",
        "-- and connect as recon_reader",
    ]
    grants = (
        hint.partition("\n-- and connect")[0].replace("'%'", "'localhost'").replace("recon_reader", f"r_{database}")
    )
    admin = dict(sides.urls)
    try:
        for side in sides.urls:
            own = grants.replace(f"{database}.", f"{database if side == 'SOURCE' else target}.")
            sides.run(side, *own.replace("CREATE USER", "CREATE OR REPLACE USER").split("\n"))
            url = sa.make_url(sides.urls[side]).set(username=f"r_{database}", password="." * 3)
            sides.urls[side] = url.render_as_string(hide_password=False)
            if side == "SOURCE":
                assert not safety(sides)
        sides.urls["SOURCE"] = admin["SOURCE"]
        found = sides.problems()
    finally:
        sides.urls = admin
        sides.run("SOURCE", f"DROP USER 'r_{database}'@'localhost'")
    assert any(
        f"GRANT INSERT, UPDATE, DELETE ON {target}.`t` TO 'r_{database}'@'localhost';" in problem for problem in found
    ), found
    assert any(
        f"GRANT CREATE TEMPORARY TABLES ON {target}.* TO 'r_{database}'@'localhost'" in problem for problem in found
    )


def test_what_a_mariadb_account_may_do_by_its_role_it_may_do(fresh: Fresh, tmp_path: Path) -> None:
    """The views of information_schema know nothing of roles."""
    sides = Sides({"SOURCE": fresh("mysql"), "TARGET": fresh("mysql")}, tmp_path)
    for side in sides.urls:
        sides.run(side, TABLE.format(name="t"))
    admin, name = dict(sides.urls), sa.make_url(sides.urls["TARGET"]).database
    sides.run("TARGET", f"CREATE OR REPLACE ROLE l_{name}", f"GRANT ALL ON {name}.* TO l_{name}")
    sides.run(
        "TARGET",
        f"CREATE OR REPLACE USER r_{name}@localhost IDENTIFIED BY 'x'",
        f"GRANT l_{name} TO r_{name}@localhost",
    )
    sides.run("TARGET", f"SET DEFAULT ROLE l_{name} FOR r_{name}@localhost")
    url = sa.make_url(admin["TARGET"]).set(username=f"r_{name}", password="x" * 1)
    sides.urls["TARGET"] = url.render_as_string(hide_password=False)
    try:
        assert not sides.problems()
    finally:
        sides.urls = admin
        sides.run("TARGET", f"DROP USER r_{name}@localhost", f"DROP ROLE l_{name}")
