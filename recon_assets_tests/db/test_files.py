"""Files as sides: CSV, JSON lines and Parquet beside tables, and what is said of those that cannot be read."""

import gzip
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

import recon_assets
from recon_assets.declare.connect import connected
from recon_assets.declare.introspection import Place, first_declaration
from recon_assets.declare.loader import Declaration, read
from recon_assets.dialect import opened
from recon_assets.dialect.file_formats import find, tables_of
from recon_assets.dialect.files import lacking_keys
from recon_assets.errors import DeclarationError, ReconError, UnavailableError
from recon_assets.model import Calendar, Comparison, Database, Kind, Project, Relation, TableSpec, Type
from recon_assets.reading import OtherSide, describe, pair_for_loading
from recon_assets.writing import load
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.db.sides import Side

CREATE = """
CREATE TABLE orders (
    id integer PRIMARY KEY, zip text, name varchar(40), amount numeric(12, 2), huge numeric(38), ratio double precision,
    placed date, changed timestamptz, stored timestamp, at_time time, paid boolean, code uuid
)
"""
ROWS = """
INSERT INTO orders VALUES
(1, '01067', '', 1.50, 12345678901234567890123456789012345678, 100000, '2024-02-29', '2024-01-01 08:00+00',
 '2024-01-01 10:00:00.123456', '23:59:59', true, '6b2c1c0e-8a1f-4d4e-9d57-0a1b2c3d4e5f'),
(2, '10115', NULL, -7, -1, 'NaN', NULL, NULL, NULL, NULL, NULL, NULL),
(3, '007', 'a "b",
c;d', 0.01, 0, 0.1, '1969-12-31', '1969-12-31 23:59:59.5+00', '9999-12-31 00:00', '00:00', false, NULL)
"""
HEADER = "id,zip,name,amount,huge,ratio,placed,changed,stored,at_time,paid,code"
CSV = f"""{HEADER}
1,01067,"",1.5,12345678901234567890123456789012345678,1e5,2024-02-29,2024-01-01T10:00:00+02,2024-01-01 10:00:00.123456,\
23:59:59,t,6B2C1C0E-8A1F-4D4E-9D57-0A1B2C3D4E5F
2,10115,,-7.00,-1,nan,,,,,,
+003,007,"a ""b"",
c;d",.01,000,0.1,1969-12-31,1969-12-31 23:59:59.5Z,9999-12-31 00:00,00:00,false,
"""
JSON_LINES = """\
{"id": 1, "zip": "01067", "name": "", "amount": 1.50, "huge": 12345678901234567890123456789012345678, "ratio": 1E5}

{"zip": "10115", "id": 2, "name": null, "amount": -7, "huge": -1, "ratio": "NaN"}
{"id": 3, "zip": "007", "name": "a \\"b\\",\\nc;d", "amount": 1e-2, "huge": 0, "ratio": 0.1}
"""


def found(folder: Path, table: str, url: str, **more: object) -> Comparison:
    """The files of a folder beside the table `orders`."""
    return recon_assets.compare(f"files:{folder}", table, url, "orders", **{"key": ["id"], **more})  # type: ignore[arg-type]


TYPES = OtherSide(
    {
        "id": Type(Kind.INTEGER, "integer", low=-(2**31), high=2**31 - 1),
        "amount": Type(Kind.DECIMAL, "numeric(12,2)", precision=12, scale=2),
        "day": Type(Kind.DATE, "date"),
        "name": Type(Kind.TEXT, "text"),
    }
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of this module's tests."""
    return tmp_path_factory.mktemp("extracts")


@pytest.fixture(scope="module")
def bank(folder: Path) -> Iterator[sa.Engine]:
    """They, opened as a source."""
    with opened(Database("bank", f"files:{folder}"), role="source") as engine:
        yield engine


def refused(bank: sa.Engine, table: str, cast: dict[str, str] | None = None) -> str:
    """What is said of files that cannot be read as `TYPES`."""
    with pytest.raises(ReconError) as caught:
        describe(bank, Relation("bank", table), cast, TYPES)
    return f"{type(caught.value).__name__} {caught.value}"


def test_texts_of_files_are_values_of_the_other_side(fresh: Fresh, tmp_path: Path) -> None:
    """Every type that texts can be read as, NULL beside '', quotes, line ends in values; packed, and as the target."""
    url = fresh("postgresql")
    Side("postgresql", url).run(CREATE, ROWS)
    (tmp_path / "orders.csv").write_text(CSV)
    with gzip.open(tmp_path / "orders.csv.gz", "wt") as packed:
        packed.write(CSV)

    for sides in (
        (f"files:{tmp_path}", "orders.csv", url, "orders"),
        (f"files:{tmp_path}", '"orders.csv.gz"', url, "orders"),
        (url, "orders", f"files:{tmp_path}", "orders.csv"),
    ):
        comparison = recon_assets.compare(*sides, key=["id"])
        assert comparison.equal
        assert not comparison.not_compared
        assert comparison.counts.source == 3
    Side("postgresql", url).run(
        "UPDATE orders SET name = '' WHERE id = 2", "UPDATE orders SET amount = 0.02 WHERE id = 3"
    )
    differing = found(tmp_path, "orders.csv", url).mismatched
    assert [(item.key, item.columns) for item in differing] == [
        ((2,), {"name": (None, "")}),
        ((3,), {"amount": ("0.01", "0.02")}),
    ]


def test_json_lines_keep_every_digit(fresh: Fresh, tmp_path: Path) -> None:
    """Numbers are read as they stand there, names in any order; a name that is not there is NULL."""
    url = fresh("postgresql")
    Side("postgresql", url).run(CREATE, ROWS)
    (tmp_path / "orders.jsonl").write_text(JSON_LINES.replace("1e-2", "0.01"))

    comparison = found(tmp_path, "orders.jsonl", url, columns=["zip", "name", "amount", "huge", "ratio"])

    assert comparison.equal
    assert comparison.counts.source == 3


def test_parquet_keeps_its_types(fresh: Fresh, tmp_path: Path) -> None:
    """Decimals, times with and without zone; a list has no form elsewhere, and can be cast."""
    url = fresh("postgresql")
    Side("postgresql", url).run(
        CREATE.replace("code uuid", "code text"), ROWS.replace("'6b2c1c0e-8a1f-4d4e-9d57-0a1b2c3d4e5f'", "'[1]'")
    )
    for number in (1, 2, 3):
        with duckdb.connect() as made:
            made.execute(CREATE.replace("code uuid", "code integer[]").replace("numeric(38)", "decimal(38, 0)"))
            made.execute(ROWS.replace("'6b2c1c0e-8a1f-4d4e-9d57-0a1b2c3d4e5f'", "[1]"))
            made.execute(f"COPY (FROM orders WHERE id = {number}) TO '{tmp_path}/orders_{number}.parquet'")

    comparison = found(tmp_path, "orders_*.parquet", url)

    assert comparison.equal
    assert [(item.column, item.why.split(" has ")[0]) for item in comparison.not_compared] == [("code", "INTEGER[]")]
    assert found(tmp_path, "orders_*.parquet", url, cast={"code": "VARCHAR"}).equal


def test_two_files_are_compared_as_texts(tmp_path: Path) -> None:
    """Neither says what the texts mean: 1.50 is not 1.5, unless a rule says so."""
    (tmp_path / "orders").write_text("")
    (tmp_path / "a.csv").write_text("id;amount\n1;1.50\n")
    (tmp_path / "b.jsonl").write_text('{"id": 1, "amount": 1.5}\n')
    sides = (f"files:{tmp_path}", "a.csv", f"files:{tmp_path}", "b.jsonl")

    assert recon_assets.compare(*sides, key=["id"]).counts.mismatched == 1
    assert recon_assets.compare(*sides, key=["id"], rules={"amount": {"as": "number"}}).equal


ENCODED = {
    "byte order mark": ("utf-8-sig", ",", ""),
    "latin-1, semicolons": ("latin-1", ";", "?encoding=latin-1"),
    "utf-16, tabs": ("utf-16", "\t", "?encoding=utf-16"),
    "bars, named": ("utf-8", "|", "?delimiter=|"),
}


@pytest.mark.parametrize("case", ENCODED)
def test_encodings_and_delimiters(tmp_path: Path, case: str) -> None:
    """What the header has most of divides values; other encodings than UTF-8 are named."""
    encoding, delimiter, options = ENCODED[case]
    text = f"id{delimiter}näme\r\n1{delimiter}é\r\n"
    (tmp_path / "orders.csv").write_bytes(text.encode(encoding))
    with sqlite3.connect(tmp_path / "target.db") as made:
        made.executescript("CREATE TABLE orders (id integer, näme text); INSERT INTO orders VALUES (1, 'é')")
    url = f"files:{tmp_path}{options}"

    assert recon_assets.compare(url, "orders.csv", f"sqlite:///{tmp_path}/target.db", "orders", key=["id"]).equal


LINES = {
    "exponent": ("id,amount\n1,1.5\n\n2,1e5\n", "line 4: amount: expected a number such as 1234.56, with a point"),
    "one column": ("amount\n1\n\n\n1e5\n", "line 5: amount: expected a number"),
    "decimal comma": ('id,amount\n1,"1,5"\n', "line 2: amount: expected a number"),
    "NaN beside a decimal": ("id,amount\n1,NaN\n", "line 2: amount: expected a number"),
    "39 digits": (f"id,amount\n1,{'9' * 39}\n", "amount: expected a number"),
    "day first": (
        'id,name,day\n1,"a\nb",2024-01-01\n2,x,31.12.2024\n',
        "line 4: day: expected a date such as 2024-12-31",
    ),
    "no such day": ("id,day\n1,2023-02-29\n", "line 2: day: expected a date"),
    "header again": ("id,amount\n1,1\nid,amount\n2,2\n", "line 3: repeats the header"),
    "too few values": ("id,amount,day\n1,1\n", "line 2: 2 values, expected 3"),
    "too many values": (
        "id,amount\n1,1\n2,1,5\n",
        "line 3: 3 values, expected 2; put values that hold ',' into quotes",
    ),
    "open quote": ('id,name\n1,"x\n', "line 2: cannot be read; expected values as in RFC 4180"),
    "other encoding": ("id,name\n1,\udce9\n", "line 2: is not in utf-8; say ?encoding=utf-16 or ?encoding=latin-1"),
}


@pytest.mark.parametrize("case", LINES)
def test_bad_lines_are_named_and_not_quoted(bank: sa.Engine, folder: Path, case: str) -> None:
    """The file, the line and what was expected; never what stands there."""
    text, said = LINES[case]
    (folder / "orders.csv").write_text(text, errors="surrogateescape")

    found = refused(bank, "orders.csv")

    assert found.startswith("DoesNotFitError bank: orders.csv")
    assert said in found


def test_cast_that_a_line_does_not_take_names_it(bank: sa.Engine, folder: Path) -> None:
    """A column that is cast stays text before; what cannot become the type is found beforehand."""
    (folder / "cast.csv").write_text("id,amount\n1,1e5\n2,x\n")

    assert "line 3: amount: cannot become DOUBLE; mend the line" in refused(bank, "cast.csv", {"amount": "DOUBLE"})
    assert "Type with name NOTYPE does not exist" in refused(bank, "cast.csv", {"amount": "NOTYPE"})


FILES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "nothing": ("no.csv", lambda at: (at / "is.csv").write_text("x"), "no such file in {at}; there are is.csv"),
    "nothing at all": ("no.csv", lambda at: at, "no such file in {at}; there are none of .csv"),
    "outside": ("../x.csv", lambda at: at, "names a place outside of the folder"),
    "folder": ("d.csv", lambda at: (at / "d.csv").mkdir(), "expected files of one kind .*; a folder is no table"),
    "two kinds": (
        "o.*",
        lambda at: [(at / name).write_text("id\n1") for name in ("o.csv", "o.jsonl")],
        "expected files of one kind",
    ),
    "empty": ("o.csv", lambda at: (at / "o.csv").touch(), "line 1: the file is empty; expected a header"),
    "no header": ("o.csv", lambda at: (at / "o.csv").write_text("1,2024-01-01\n"), "line 1: .* found numbers or dates"),
    "name twice": ("o.csv", lambda at: (at / "o.csv").write_text("id,id\n"), "line 1: .* a name of its own"),
    "other columns": (
        "o*.csv",
        lambda at: [(at / f"o{name}.csv").write_text(f"id,{name}\n") for name in "ab"],
        "ob.csv has other columns than oa.csv .a, b.",
    ),
    "other order": (
        "o*.csv",
        lambda at: [(at / name).write_text(text) for name, text in (("o1.csv", "id,b"), ("o2.csv", "b,id"))],
        "o2.csv has other columns than o1.csv .their order.",
    ),
}


def test_decimal_commas_and_days_first(fresh: Fresh, tmp_path: Path) -> None:
    """As the URL says, and no other way: 1.5 and 2024-12-31 are refused then."""
    url = fresh("postgresql")
    Side("postgresql", url).run(
        "CREATE TABLE orders (id integer, amount numeric(12, 2), huge double precision, day date, moment timestamp)",
        "INSERT INTO orders VALUES (1, -1234567.5, 0.25, '2024-12-31', '2024-02-01 23:59')",
        "INSERT INTO orders VALUES (2, NULL, 1000, NULL, NULL)",
    )
    header, bank = "id;amount;huge;day;moment", f"files:{tmp_path}?decimal=,&dates=D.M.Y"
    (tmp_path / "orders.csv").write_text(
        f"{header}\n1;-1.234.567,50;0,25;31.12.2024;1.2.2024 23:59\n2;;1000;;\n", encoding="utf-8"
    )

    comparison = recon_assets.compare(bank, "orders.csv", url, "orders", key=["id"])

    assert (comparison.equal, comparison.not_compared) == (True, ())
    said = "expected .* as the URL's decimal=, dates=D.M.Y say"
    for column, value in (("amount", "1.5"), ("day", "2024-12-31"), ("day", "1/2/2024"), ("day", "30.2.2024")):
        (tmp_path / "orders.csv").write_text(f"id;{column}\n1;{value}\n")
        with pytest.raises(ReconError, match=rf"line 2: {column}: {said}"):
            recon_assets.compare(bank, "orders.csv", url, "orders", key=["id"])


@pytest.mark.parametrize("case", FILES)
def test_files_that_are_no_table_are_refused(tmp_path: Path, case: str) -> None:
    """Where, what, and what was expected."""
    table, make, said = FILES[case]
    make(tmp_path)

    with pytest.raises(DeclarationError, match=said.format(at=tmp_path)):
        find(tmp_path, table, {}, "bank")


OBJECTS = ["[1]", '{"id": 1', '{"id": NaN}', '{"id": 1, "id": 2}', '{"id": "\\ud800"}', '{"id": "\udce9"}']


@pytest.mark.parametrize("line", OBJECTS)
def test_bad_objects_are_named(bank: sa.Engine, folder: Path, line: str) -> None:
    """JSON that is none, no object, or of which a part would be lost."""
    text = f'{{"id": 1, "of": {{"a": [1.50, "é", null]}}}}\n\n{line}\n'
    (folder / "o.jsonl").write_text(text, errors="surrogateescape")

    assert "bank: o.jsonl, line 3: expected one JSON object a line" in refused(bank, "o.jsonl")


def test_broken_files_are_refused(bank: sa.Engine, folder: Path) -> None:
    """A Parquet that is none, parts of packed files, a header of another encoding, no object."""
    (folder / "b.parquet").write_text("PAR1")
    (folder / "b.csv.gz").write_bytes(gzip.compress(b"id,name\n1,x\n")[:-9])
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(b'{"id": 1}')[:-9])
    (folder / "b.csv").write_bytes(b"id,n\xe9me\n1,x\n")
    (folder / "b.jsonl").write_text("\n")

    for table in ("b.parquet", '"b.csv.gz"', '"b.jsonl.gz"'):
        name = table.strip('"')
        assert re.search(rf"DoesNotFitError bank: {name}: cannot be read .*; expected whole", refused(bank, table))
    assert "bank: b.csv, line 1: is not in utf-8" in refused(bank, "b.csv")
    assert "bank: b.jsonl: there is no object in it" in refused(bank, "b.jsonl")


def test_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    """Later changes are not seen by who has read it; DuckDB can open no other file, and nothing lies beside it."""
    path = tmp_path / "in" / "o.csv"
    path.parent.mkdir()
    path.write_text("id\n1\n")
    relation = Relation("bank", "o.csv")

    with opened(Database("bank", f"files:{path.parent}"), role="source") as engine:

        def touched(*_: object) -> None:
            os.utime(path, ns=(1, 1))

        sa.event.listen(engine, "commit", touched)
        with pytest.raises(UnavailableError, match=r"bank: o.csv: the files changed while they were read; run again"):
            describe(engine, relation)
        sa.event.remove(engine, "commit", touched)
        assert [column.name for column in describe(engine, relation).columns] == ["id"]
        path.unlink()
        assert [column.name for column in describe(engine, relation).columns] == ["id"]
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT current_setting('enable_progress_bar')").scalar() is False
            assert connection.exec_driver_sql("SELECT current_setting('memory_limit')").scalar() == "244.1 MiB"
        with engine.connect() as connection, pytest.raises(Exception, match="file system operations are disabled"):
            connection.exec_driver_sql("SELECT * FROM read_csv('/etc/passwd')")
    assert list(path.parent.iterdir()) == []


def test_queries_and_missing_folders_are_refused(bank: sa.Engine) -> None:
    """A query could name files that nobody copied."""
    with pytest.raises(DeclarationError, match="a query cannot read files; name a file"):
        describe(bank, Relation("bank", query="select 1 as id"))
    with (
        pytest.raises(DeclarationError, match="bank: there is no folder /nowhere; write files:path"),
        opened(Database("bank", "files:/nowhere"), role="source"),
    ):
        pass


def test_loads_and_checks_read_files(fresh: Fresh, tmp_path: Path) -> None:
    """A declared table whose source is a pattern: what its files hold on a day is loaded, and validated before."""
    url = fresh("postgresql")
    Side("postgresql", url).run("CREATE TABLE p (id integer PRIMARY KEY, amount numeric(12, 2), day date NOT NULL)")
    for number in (1, 2):
        (tmp_path / f"p_{number}.csv").write_text(f"id,amount,day\n{number},{number}.50,2024-01-0{number}\n")
    days = Calendar("day", date(2024, 1, 1))
    spec = TableSpec("p", Relation("bank", "p_*.csv"), Relation("lake", "p"), ("id",), days)
    databases = {"bank": Database("bank", f"files:{tmp_path}"), "lake": Database("lake", url)}

    declared = connected(Declaration("", Project(databases, {"p": spec}), (), {}))
    with opened(databases["bank"], role="source") as source, opened(databases["lake"], role="target") as target:
        loaded = load(pair_for_loading(spec, source, target), spec.window("2024-01-02"))

    assert not declared.problems
    assert (loaded.read, loaded.inserted) == (1, 1)
    assert Side("postgresql", url).rows("SELECT id, amount FROM p") == [(2, Decimal("2.50"))]
    with (tmp_path / "p_2.csv").open("a") as file:
        file.write("1,9,2024-01-02\n,9,2024-01-02\n")
    project = Project(databases, {"p": spec, "q": replace(spec, name="q", key=("nothing",))})
    declared = connected(Declaration("", project, (), {}))
    (problem,) = (found for found in declared.problems if found.path == ("tables", "p", "key"))
    assert (problem.severity, problem.message) == (
        "warning",
        "(id) is missing or not unique in bank: p_1.csv, line 2; bank: p_2.csv, line 3; bank: p_2.csv, line 4",
    )


def test_rows_of_parquet_without_a_key_are_named_by_their_number(tmp_path: Path) -> None:
    """Parquet has no lines."""
    with duckdb.connect() as made:
        made.execute(f"COPY (SELECT * FROM (VALUES (1), (2), (NULL)) AS t(id)) TO '{tmp_path}/p.parquet'")
    with opened(Database("bank", f"files:{tmp_path}"), role="source") as source:
        describe(source, Relation("bank", "p.parquet"))
        assert lacking_keys(source, "p", "parquet", ["id"]) == ["bank: p.parquet, row 3"]


TARGETS = """
CREATE TABLE orders (id integer PRIMARY KEY, amount numeric(12, 2), placed_at date NOT NULL, day date);
CREATE TABLE customers (id integer PRIMARY KEY, name text);
CREATE TABLE bad (id integer PRIMARY KEY, amount integer);
CREATE TABLE alone (id integer)
"""
FOLDER = {
    "orders_2024-01-01.csv": "id,Amount,placed_at,zip\n1,1.50,2024-01-01,01067\n",
    "orders_2024-01-02.csv": "id,Amount,placed_at,zip\n2,2.50,2024-01-02,01067\n",
    "orders_lines.csv": "id,number\n1,1\n",
    "Customers.jsonl": '{"id": 1, "name": "x"}\n',
    "bad.csv": "id,amount\n1,x\n",
    "notes.pdf": "",
}


def test_first_declaration_of_a_folder(fresh: Fresh, tmp_path: Path) -> None:
    """Days' files are one table, read as the target's types; what cannot be read is said, and stops no other table."""
    url = fresh("postgresql")
    Side("postgresql", url).run(*TARGETS.split(";"))
    folder, path = tmp_path / "extracts", tmp_path / "recon.yaml"
    folder.mkdir()
    for name, text in FOLDER.items():
        (folder / name).write_text(text)
    bank, lake = Place("source", f"files:{folder}", "BANK"), Place("target", url, "LAKE")

    path.write_text(first_declaration(bank, lake, date(2024, 1, 10)))

    declared = connected(read(path, {"BANK": bank.url, "LAKE": url}))
    tables = declared.project.tables
    assert [(name, spec.source.table, spec.key) for name, spec in tables.items()] == [
        ("Customers", "Customers.jsonl", ("id",)),
        ("orders", '"orders_[0-9]*.csv"', ("id",)),
    ]
    assert tables["orders"].calendar == Calendar("placed_at", date(2024, 1, 1))
    assert (tables["orders"].rename, set(tables["orders"].ignore)) == ({"Amount": "amount"}, {"zip", "day"})
    assert not [problem for problem in declared.problems if problem.severity == "error"]
    assert (
        "# Not declared, for it cannot be read: source: bad.csv, line 2: amount: expected a number" in path.read_text()
    )
    assert "# Only in the source: orders_lines.csv" in path.read_text()
    with pytest.raises(DeclarationError, match="files can be sources, not targets: name the folder as the source"):
        first_declaration(lake, replace(bank, role="target"), date(2024, 1, 10))
    with pytest.raises(ReconError, match=r"bad.csv, line 2: amount"):
        first_declaration(bank, lake, date(2024, 1, 10), tables=["bad"])


def test_tables_of_files(tmp_path: Path) -> None:
    """Where a pattern would mean other files, too, each is a table; one name of two kinds is two."""
    for name in ("a1.csv", "a2.csv", "a3b.csv", "q.csv", "q.jsonl", "2024-01.csv", "2024-02.csv", "x y_1.csv.gz"):
        (tmp_path / name).touch()

    assert tables_of(tmp_path) == {
        "2024-01": "[0-9]*.csv",
        "a1": "a1.csv",
        "a2": "a2.csv",
        "a_b": "a3b.csv",
        "q": "q.csv",
        "q_jsonl": "q.jsonl",
        "x_y": "x y_1.csv.gz",
    }
