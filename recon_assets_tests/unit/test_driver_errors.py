"""What becomes of the errors of drivers, and of URLs that cannot be used."""

import sqlite3

import duckdb
import psycopg
import pymysql
import pytest
import sqlalchemy as sa

from recon_assets.dialect.driver_errors import driver_errors, explain, is_duplicate
from recon_assets.errors import DeclarationError, DoesNotFitError, ReconError, RefusedError, UnavailableError

MYSQL = pymysql.err.OperationalError
CHILD = (
    "Cannot add or update a child row: a foreign key constraint fails"
    " (`d`.`t`, CONSTRAINT `up` FOREIGN KEY (`secret`) REFERENCES `p` (`id`))"
)
A_DATE = "Incorrect date value: 'secret for column `x`' for column `d`.`t`.`v` at row 1"
TWICE = "Duplicate entry 'it's secret' for key 't.PRIMARY'"
UNREAD = """Invalid Input Error: Could not parse string "secret" according to format specifier "%Y"\nsecret\n^"""
TWO_ROWS = "Invalid Input Error: More than one row returned by a subquery"
REFUSED = """Multiple connection attempts failed. All failures were:
- host: 'a': connection to server at "::1", port 5432 failed: FATAL:  password authentication failed for user "x"
- host: 'b': secret"""
UNDECODED = "Could not decode to UTF-8 column 'v' with text 'secret'"
FAILURES: list[tuple[Exception, type[ReconError], str]] = [
    (psycopg.errors.NotNullViolation("null in 'secret'"), DoesNotFitError, "not null violation"),
    (psycopg.errors.NumericValueOutOfRange('"secret"'), DoesNotFitError, "numeric value out of range"),
    (psycopg.errors.RaiseException("secret"), DoesNotFitError, "raise exception"),
    (psycopg.DataError("secret"), DoesNotFitError, "data error"),
    (psycopg.errors.QueryCanceled("x"), UnavailableError, "raise that under databases"),
    (psycopg.errors.DeadlockDetected("deadlock"), UnavailableError, "deadlock; it may work when tried again"),
    (psycopg.errors.LockNotAvailable("secret"), UnavailableError, "another session holds a lock"),
    (psycopg.errors.InvalidPassword('no "x"'), UnavailableError, 'no "x"; check user, password, host and database'),
    (
        psycopg.errors.InvalidCatalogName('database "x" does not exist'),
        DeclarationError,
        'database "x" does not exist$',
    ),
    (psycopg.OperationalError(REFUSED), UnavailableError, 'password authentication failed for user "x"; check user'),
    (psycopg.OperationalError('failed: FATAL:  role "x" does not exist'), UnavailableError, "not exist; check user"),
    (psycopg.OperationalError("unsupported startup parameter: options"), DeclarationError, "parameter: options"),
    (psycopg.errors.ProtocolViolation("no transaction blocks"), DeclarationError, "no transaction blocks$"),
    (psycopg.errors.ReadOnlySqlTransaction("x"), UnavailableError, "only reading is allowed here"),
    (psycopg.errors.IdleInTransactionSessionTimeout("x"), UnavailableError, "ended the session for being idle"),
    (psycopg.errors.IdleSessionTimeout("x"), UnavailableError, "ended the session for being idle"),
    (psycopg.errors.DiskFull("x"), UnavailableError, "disk is full; make room there, then try again$"),
    (psycopg.errors.TooManyConnections("too many"), UnavailableError, "too many; it may work"),
    (psycopg.errors.AdminShutdown("shutting down"), UnavailableError, "shutting down; it may work"),
    (
        psycopg.errors.CrashShutdown("crash of another"),
        UnavailableError,
        "crash of another; it may .*, and the server's",
    ),
    (psycopg.errors.DatabaseDropped("dropped"), DeclarationError, "dropped$"),
    (psycopg.errors.IoError("read failed"), UnavailableError, "read failed; the server's own log says why"),
    (psycopg.errors.DataCorrupted("bad page"), UnavailableError, "bad page; the server's own log says why"),
    (psycopg.OperationalError("no route\nsecret"), UnavailableError, "no route; it may work"),
    (psycopg.ProgrammingError("the query has 0 placeholders"), DeclarationError, "placeholders"),
    (psycopg.errors.UndefinedColumn('column "x" does not exist'), DeclarationError, 'column "x" does not exist'),
    (
        MYSQL(1062, TWICE),
        DoesNotFitError,
        r"unique violation \(PRIMARY\)",
    ),
    (MYSQL(1290, "running with the --read-only option"), UnavailableError, "only reading is allowed here"),
    (MYSQL(1290, "running with the --enforce-storage-engine option"), DeclarationError, "enforce-storage-engine"),
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
    (MYSQL(1045, "Access denied"), UnavailableError, "Access denied; check user, password, host and database"),
    (MYSQL(1044, "Access denied"), UnavailableError, "Access denied; check user, password, host and database"),
    (MYSQL(1049, "Unknown database 'x'"), UnavailableError, "Unknown database 'x'; check user"),
    (MYSQL(1021, "x"), UnavailableError, "disk is full"),
    (MYSQL(1114, "The table 'x' is full"), UnavailableError, "disk is full"),
    (MYSQL(1205, "x"), UnavailableError, "another session holds a lock"),
    (MYSQL(1792, "x"), UnavailableError, "only reading is allowed here"),
    (MYSQL(3024, "x"), UnavailableError, "statement_timeout"),
    (MYSQL(4031, "x"), UnavailableError, "being idle"),
    (MYSQL(2003, "Can't connect (CERTIFICATE_VERIFY_FAILED)"), DeclarationError, "CERTIFICATE_VERIFY_FAILED.$"),
    (duckdb.ConversionException("Could not convert 'secret'"), DoesNotFitError, "conversion exception"),
    (duckdb.IOException("Could not set lock on file"), UnavailableError, "set lock on file; it may"),
    (duckdb.IOException("write failed: No space left on device"), UnavailableError, "disk is full"),
    (duckdb.OutOfMemoryException("could not allocate"), UnavailableError, "could not allocate; it may"),
    (duckdb.BinderException("no column x"), DeclarationError, "no column x"),
    (duckdb.CatalogException("no table x"), DeclarationError, "no table x"),
    (duckdb.InvalidInputException(UNREAD), DoesNotFitError, "a value that a function could not read"),
    (duckdb.InvalidInputException(TWO_ROWS), DeclarationError, "More than one row"),
    (duckdb.NotImplementedException("Unknown TimeZone 'secret'!"), DoesNotFitError, "not implemented exception"),
    (sqlite3.OperationalError(UNDECODED), DoesNotFitError, r"not UTF-8; mend it, .* \(v\)$"),
    (sqlite3.OperationalError("user-defined function raised exception"), DoesNotFitError, "not UTF-8"),
    (UnicodeDecodeError("utf-8", b"secret\xff", 6, 7, "x"), DoesNotFitError, "not UTF-8"),
    (sqlite3.OperationalError("database is locked"), UnavailableError, "database is locked; it may"),
    (sqlite3.OperationalError("database or disk is full"), UnavailableError, "disk is full; make room"),
    (sqlite3.OperationalError("disk I/O error"), UnavailableError, "disk I/O error"),
    (sqlite3.OperationalError("no such column: x"), DeclarationError, "no such column: x"),
    (sa.exc.TimeoutError("QueuePool limit"), UnavailableError, "raise `connections` under databases"),
    (sqlite3.OperationalError(), DeclarationError, "^t all: $"),
]


@pytest.mark.parametrize(("error", "kind", "said"), FAILURES)
@pytest.mark.parametrize("wrapped", [False, True])
def test_error_of_a_driver(error: Exception, kind: type[ReconError], said: str, *, wrapped: bool) -> None:
    """By what the caller can do; without the values that databases like to quote."""
    bare = isinstance(error, sa.exc.TimeoutError | UnicodeDecodeError) or not wrapped
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
