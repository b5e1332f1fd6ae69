"""What becomes of the errors of drivers, and of URLs that cannot be used."""

import sqlite3
from pathlib import Path

import duckdb
import psycopg
import pymysql
import pytest
import sqlalchemy as sa

from recon_assets.dialect import check_url, engine
from recon_assets.dialect.driver_errors import driver_errors, explain, is_duplicate
from recon_assets.errors import DeclarationError, DoesNotFitError, ReconError, RefusedError, UnavailableError
from recon_assets.model import Database

MYSQL = pymysql.err.OperationalError
CHILD = (
    "Cannot add or update a child row: a foreign key constraint fails"
    " (`d`.`t`, CONSTRAINT `up` FOREIGN KEY (`secret`) REFERENCES `p` (`id`))"
)
A_DATE = "Incorrect date value: 'secret for column `x`' for column `d`.`t`.`v` at row 1"
TWICE = "Duplicate entry 'it's secret' for key 't.PRIMARY'"
UNREAD = """Invalid Input Error: Could not parse string "secret" according to format specifier "%Y"\nsecret\n^"""
TWO_ROWS = "Invalid Input Error: More than one row returned by a subquery"
FAILURES: list[tuple[Exception, type[ReconError], str]] = [
    (psycopg.errors.NotNullViolation("null in 'secret'"), DoesNotFitError, "not null violation"),
    (psycopg.errors.NumericValueOutOfRange('"secret"'), DoesNotFitError, "numeric value out of range"),
    (psycopg.errors.RaiseException("secret"), DoesNotFitError, "raise exception"),
    (psycopg.DataError("secret"), DoesNotFitError, "data error"),
    (psycopg.errors.QueryCanceled("x"), UnavailableError, "raise that under databases"),
    (psycopg.errors.DeadlockDetected("deadlock"), UnavailableError, "deadlock; it may work when tried again"),
    (psycopg.errors.LockNotAvailable("lock\nCONTEXT: secret"), UnavailableError, "lock; it may work"),
    (psycopg.OperationalError("no route\nsecret"), UnavailableError, "no route; it may work"),
    (psycopg.ProgrammingError("the query has 0 placeholders"), DeclarationError, "placeholders"),
    (psycopg.errors.UndefinedColumn('column "x" does not exist'), DeclarationError, 'column "x" does not exist'),
    (
        MYSQL(1062, TWICE),
        DoesNotFitError,
        r"unique violation \(PRIMARY\)",
    ),
    (MYSQL(1048, "Column 'v' cannot be null"), DoesNotFitError, r"NULL is not allowed \(v\)"),
    (MYSQL(1406, "Data too long for column 'v' at row 7"), DoesNotFitError, r"a value too long \(v\)"),
    (
        MYSQL(1292, A_DATE),
        DoesNotFitError,
        r"\(v\)",
    ),
    (MYSQL(1411, "Incorrect time value: 'secret' for function str_to_date"), DoesNotFitError, "could not read$"),
    (MYSQL(1525, "Incorrect DATE value: 'x for column 'secret'"), DoesNotFitError, "the type does not have$"),
    (MYSQL(1292, "Truncated incorrect DOUBLE value: 'x for column 'secret'"), DoesNotFitError, "does not have$"),
    (MYSQL(3141, 'Invalid JSON text in argument 1 to function f: "secret"'), DoesNotFitError, "no JSON$"),
    (MYSQL(1364, "Field 'v' doesn't have a default value"), DoesNotFitError, r"\(v\)"),
    (
        MYSQL(1452, CHILD),
        DoesNotFitError,
        r"foreign key violation \(up\)",
    ),
    (MYSQL(4025, "CONSTRAINT `t.positive` failed for `d`.`t`"), DoesNotFitError, r"check violation \(positive\)"),
    (MYSQL(1644, "secret"), DoesNotFitError, "a trigger refused it"),
    (MYSQL(1969, "x"), UnavailableError, "statement_timeout"),
    (MYSQL(2013, "Lost connection"), UnavailableError, "Lost connection; it may"),
    (pymysql.err.InterfaceError(0, ""), UnavailableError, "the connection was lost; it may"),
    (MYSQL(1045, "Access denied"), DeclarationError, "Access denied"),
    (duckdb.ConversionException("Could not convert 'secret'"), DoesNotFitError, "conversion exception"),
    (duckdb.IOException("Could not set lock on file"), UnavailableError, "set lock on file; it may"),
    (duckdb.OutOfMemoryException("could not allocate"), UnavailableError, "could not allocate; it may"),
    (duckdb.BinderException("no column x"), DeclarationError, "no column x"),
    (duckdb.CatalogException("no table x"), DeclarationError, "no table x"),
    (duckdb.InvalidInputException(UNREAD), DoesNotFitError, "a value that a function could not read"),
    (duckdb.InvalidInputException(TWO_ROWS), DeclarationError, "More than one row"),
    (duckdb.NotImplementedException("Unknown TimeZone 'secret'!"), DoesNotFitError, "not implemented exception"),
    (sqlite3.OperationalError("Could not decode to UTF-8 column 'v' with text 'secret'"), DoesNotFitError, "not UTF-8"),
    (sqlite3.OperationalError("database is locked"), UnavailableError, "database is locked; it may"),
    (sqlite3.OperationalError("no such column: x"), DeclarationError, "no such column: x"),
    (sa.exc.TimeoutError("QueuePool limit"), UnavailableError, "raise `connections` under databases"),
    (sqlite3.OperationalError(), DeclarationError, "^t all: $"),
]


@pytest.mark.parametrize(("error", "kind", "said"), FAILURES)
@pytest.mark.parametrize("wrapped", [False, True])
def test_error_of_a_driver(error: Exception, kind: type[ReconError], said: str, *, wrapped: bool) -> None:
    """By what the caller can do; without the values that databases like to quote."""
    bare = isinstance(error, sa.exc.TimeoutError) or not wrapped
    raised = error if bare else sa.exc.DBAPIError("SELECT 1", {}, error)
    with pytest.raises(kind, match=said) as caught, driver_errors("t all"):
        raise raised
    assert str(caught.value).startswith("t all: ")
    assert "secret" not in str(caught.value)
    assert (caught.value.__cause__ is raised) == (kind is DeclarationError)


@pytest.mark.parametrize("error", [RefusedError("no"), ValueError("x"), KeyError("x")])
def test_other_errors_pass(error: Exception) -> None:
    """Ours, and those of programs."""
    with pytest.raises(type(error)) as caught, driver_errors("t all"):
        raise error
    assert caught.value is error


def test_what_a_key_refused() -> None:
    """Is told from what a reference refused."""
    duplicates: list[Exception] = [psycopg.errors.UniqueViolation("x"), MYSQL(1062, "x")]
    others: list[Exception] = [psycopg.errors.ForeignKeyViolation("x"), MYSQL(1451, "x"), ValueError()]
    assert [is_duplicate(error) for error in (*duplicates, *others)] == [True, True, False, False, False]
    assert explain("t", ValueError()) is None


BAD_URLS = {
    "nothing": ("", "not a database URL"),
    "words": ("my s3cr3t database", "not a database URL"),
    "port": ("postgresql://u:s3cr3t@h:s3cr3t/d", "not a database URL"),
    "password in the query": ("postgresql://u@h/d?password=s3cr3t", r"\?password= would show in logs"),
    "another of its names": ("mysql://u@h/d?PASSWD=s3cr3t", r"\?PASSWD= would show in logs"),
    "password of a key": ("postgresql://u@h/d?sslpassword=s3cr3t", r"\?sslpassword= would show"),
    "driver": ("postgresql+psycopg2://u:s3cr3t@h/d", r"driver 'psycopg2' is not used here; write postgresql://"),
    "driver of MySQL": ("mysql+mysqldb://u:s3cr3t@h/d", "driver 'mysqldb' is not used here"),
    "database": ("oracle://u:s3cr3t@h/d", "no support for 'oracle'; use one of duckdb, mariadb"),
}


@pytest.mark.parametrize(("url", "said"), BAD_URLS.values(), ids=BAD_URLS)
def test_url_that_cannot_be_used(url: str, said: str) -> None:
    """Says what to write, and never repeats it, nor does what is behind the error."""
    with pytest.raises(DeclarationError, match=f"^ops: .*{said}") as caught:
        engine(Database("ops", url), role="source")
    error: BaseException | None = caught.value
    while error:
        assert "s3cr3t" not in f"{error}{error!r}"
        error = error.__cause__ or error.__context__


GOOD_URLS = {
    "postgresql://h/d": "postgresql+psycopg",
    "postgres://h/d": "postgresql+psycopg",
    "postgresql+psycopg://h/d": "postgresql+psycopg",
    "mysql://h/d": "mysql+pymysql",
    "mariadb+pymysql://h/d": "mariadb+pymysql",
    "duckdb:///x.duckdb": "duckdb",
    "sqlite:///x.db": "sqlite",
}


@pytest.mark.parametrize(("url", "driver"), GOOD_URLS.items())
def test_url_gets_the_driver_that_is_used(url: str, driver: str) -> None:
    """Whichever way it is written."""
    assert check_url(url).drivername == driver


@pytest.mark.parametrize("family", ["sqlite", "duckdb"])
@pytest.mark.parametrize("place", ["", "/nope.file"])
def test_file_that_is_not_there(tmp_path: Path, family: str, place: str) -> None:
    """Is not made."""
    path = f"{tmp_path}{place}" if place else ""
    with pytest.raises(DeclarationError, match=rf"ops: there is no file .*; write {family}:///path/to/file"):
        engine(Database("ops", f"{family}:///{path}"), role="source")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("asked", ["options=-csearch_path%3Dapp", "options=-ca%3D1&options=-csearch_path%3Dapp", ""])
def test_options_of_a_url_are_kept(asked: str) -> None:
    """Ours come after them, and so win."""
    made = engine(Database("ops", f"postgresql://h/d?{asked}"), role="source")
    _, arguments = made.dialect.create_connect_args(made.url)
    assert bool(asked) == ("options" in arguments)
    made.dispose()
