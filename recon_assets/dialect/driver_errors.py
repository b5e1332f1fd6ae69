"""What a driver's error means: try again, or mend the data, or mend the declaration.

Databases quote row values in what they say against data, so that is said again in our own words,
with the column or constraint that the database names.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from recon_assets.errors import DeclarationError, DoesNotFitError, ReconError, UnavailableError

Verdict = tuple[type[ReconError], str]
_TRANSIENT_STATES = ("08", "40", "53", "55", "57", "58")
_MISFIT_STATES = ("22", "23", "44", "54", "P0001")
_UNIQUE = "23505"
_AGAIN = "it may work when tried again"
_TOO_LONG = (
    "a statement was ended: either it took longer than statement_timeout (raise that under databases, or give the"
    " window's column an index), or somebody cancelled it on the server"
)
_LOCKED = f"another session holds a lock on what was asked for; {_AGAIN} when that one has ended"
_DISK_FULL = "the server's disk is full; make room there, then try again"
_IDLE = f"the server ended the session for being idle, as its settings or those of a pooler say; {_AGAIN}"
_ONLY_READING = (
    "only reading is allowed here: sources are never written, and of a target its operators have switched writing off"
    " (default_transaction_read_only, a standby, read_only); try again when that is over"
)
_HIDDEN_ROWS = (
    "a row-level security policy{} would hide rows from this account, so nothing was read; let it see them all by"
    " ALTER ROLE .. BYPASSRLS, or read a view of the table's owner"
)
_NOT_UTF8 = "a text that is not UTF-8; mend it, or leave its column out"
_ITS_LOGS = "the server's own log says why"
_WHO = "check user, password, host and database in the URL"


@contextmanager
def driver_errors(place: str) -> Iterator[None]:
    """Turns a driver's error into one of ours that begins with ``place`` and holds no row value and no password."""
    try:
        yield
    except Exception as error:
        ours = explain(place, error)
        if ours is None:
            raise
        # What a database says against data repeats the data, and logs print causes.
        raise ours from (error if isinstance(ours, DeclarationError) else None)


def explain(place: str, error: BaseException) -> ReconError | None:
    """Our error for a driver's one; None when it is no database's error."""
    if isinstance(error, sa.exc.TimeoutError):
        busy = "all connections that it may have are in use; raise `connections` under databases, or run less at once"
        return UnavailableError(f"{place}: {busy}")
    if isinstance(error, UnicodeDecodeError):
        return DoesNotFitError(f"{place}: {_NOT_UTF8}")
    driver = _driver(error)
    judge = _JUDGES.get(type(driver).__module__.partition(".")[0])
    if judge is None:
        return None
    kind, said = judge(driver)
    if _NO_SUCH_HOST.search(said):
        said = said.replace(_AGAIN, _WHO)
    return kind(f"{place}: {said}")


_NO_SUCH_HOST = re.compile("Name or service not known|nodename nor servname|No address associated|getaddrinfo failed")


def is_duplicate(error: BaseException) -> bool:
    """Whether a unique key refused a row that is there already."""
    return getattr(_driver(error), "sqlstate", None) == _UNIQUE or _number(_driver(error)) == _DUPLICATE_ENTRY


def _driver(error: BaseException) -> Any:
    return error.orig if isinstance(error, sa.exc.DBAPIError) else error


# What a state says to the caller; None for the server's own first line.
_STATES: Mapping[str, Verdict] = {
    "08P01": (DeclarationError, "{}"),  # a pooler that refuses something: it will do so again
    "25006": (UnavailableError, _ONLY_READING),
    "25P03": (UnavailableError, _IDLE),
    "25P04": (UnavailableError, _TOO_LONG),
    "53100": (UnavailableError, _DISK_FULL),
    "55006": (UnavailableError, f"{{}}; {_AGAIN}"),
    "55P03": (UnavailableError, _LOCKED),
    "55P02": (DeclarationError, "{}"),
    "57014": (UnavailableError, _TOO_LONG),
    "57P02": (UnavailableError, f"{{}}; {_AGAIN}, and {_ITS_LOGS}"),
    "57P04": (DeclarationError, "{}"),
    "57P05": (UnavailableError, _IDLE),
    "58030": (UnavailableError, f"{{}}; {_ITS_LOGS}"),
    "28": (UnavailableError, f"{{}}; {_WHO}"),
    "XX": (UnavailableError, f"{{}}; {_ITS_LOGS}"),
}


def _postgresql(error: Any) -> Verdict:
    state = error.sqlstate
    if state is None:
        return _without_state(error)
    if error.diag.source_file == _ROW_SECURITY:
        return DeclarationError, _HIDDEN_ROWS.format(_of_what_it_quotes(_first_line(error)))
    found = _STATES.get(state) or _STATES.get(state[:2])
    if found:
        kind, said = found
        return kind, said.format(_first_line(error))
    if state.startswith(_TRANSIENT_STATES):
        return UnavailableError, f"{_first_line(error)}; {_AGAIN}"
    if state.startswith(_MISFIT_STATES):
        name = error.diag.column_name or error.diag.constraint_name
        return DoesNotFitError, _naming(_words(error), name)
    return DeclarationError, _first_line(error)


_ROW_SECURITY = "rls.c"
"""Where in the server the error comes from: its words are of the server's language."""
# No connection, so no state: only words. Those of other languages count as an outage.
_NEVER_CONNECTS = re.compile(
    "(password|SCRAM|certificate|Ident|Peer) authentication.* failed"
    "|no password supplied|no pg_hba.conf entry|does not exist|is not permitted to log in"
    "|permission denied for database|certificate verify failed|server does not support SSL"
    "|root certificate file|invalid sslmode|no such user"
    "|no such database"
)
_POOLER_REFUSES = re.compile("unsupported startup parameter")


def _of_what_it_quotes(said: str) -> str:
    """The name in a message, however its language quotes names."""
    found = re.search(r"[\"«„“](.+?)[\"»“”]", said)
    return f' of "{found[1].strip()}"' if found else ""


def _without_state(error: Any) -> Verdict:
    """What the driver found by itself: no connection, or a value that the protocol cannot carry."""
    name = type(error).__name__
    if name == "DataError":
        return DoesNotFitError, _words(error)
    refused = _NEVER_CONNECTS.search(str(error))
    refused_for_good = _POOLER_REFUSES.search(str(error))
    if refused_for_good:
        return DeclarationError, _line_with(refused_for_good)
    if refused:  # a database that is gone for now looks the same, and what was decided must wait for it
        return UnavailableError, f"{_line_with(refused)}; {_WHO}"
    if name == "ProgrammingError":
        return DeclarationError, _first_line(error)
    return UnavailableError, f"{_first_line(error)}; {_AGAIN}"


def _line_with(found: re.Match[str]) -> str:
    """Of a message about several attempts, the one that says most."""
    return next(line for line in found.string.splitlines() if found[0] in line).strip(" -.")


def _words(error: Any) -> str:
    """``CheckViolation`` is "check violation": the class has a name, and the message may hold a value."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()


_DUPLICATE_ENTRY = 1062
_OPTION = 1290
"""The server runs with an option that forbids a statement: read_only, or another one."""
_MISFIT_NUMBERS = {
    1048: "NULL is not allowed",
    _DUPLICATE_ENTRY: "unique violation",
    1118: "a row too long",
    1264: "a number out of range",
    1265: "a value that would be cut",
    1292: "a value that the type does not have",
    1364: "a column without a default was left out",
    1366: "a value that the column's character set or type does not have",
    1367: "a value that a function could not read",
    1406: "a value too long",
    1411: "a value that a function could not read",
    1451: "other rows refer to it",
    1452: "foreign key violation",
    1525: "a value that the type does not have",
    1644: "a trigger refused it",
    1690: "a number out of range",
    3140: "a text that is no JSON",
    3141: "a text that is no JSON",
    3819: "check violation",
    3988: "a character that the column's character set does not have",
    4025: "check violation",
}
_NUMBERS: Mapping[int, Verdict] = {
    **dict.fromkeys((1044, 1045, 1049, 1130, 1698, 3118, 4151), (UnavailableError, f"{{}}; {_WHO}")),
    **dict.fromkeys((_OPTION, 1792, 1836), (UnavailableError, _ONLY_READING)),
    **dict.fromkeys((1021, 1114), (UnavailableError, _DISK_FULL)),
    **dict.fromkeys((1969, 3024), (UnavailableError, _TOO_LONG)),
    1205: (UnavailableError, _LOCKED),
    4031: (UnavailableError, _IDLE),
    **dict.fromkeys(
        (
            *(0, 1020, 1037, 1040, 1041, 1047, 1053, 1158, 1159, 1160, 1161, 1203, 1206, 1213, 1317),
            *(1927, 2002, 2003, 2006, 2013, 2014, 2055),
        ),
        (UnavailableError, f"{{}}; {_AGAIN}"),
    ),
}
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"
# Where a message names a column or constraint; each is bound to one end, because the rest may hold a value.
_NAMES = (
    re.compile(r"^Duplicate entry .* for key (\S+)$"),
    re.compile(r" for column (\S+) at row \d+$"),
    re.compile(r"^(?:Column|Field|CONSTRAINT|Check constraint) (\S+) "),
    re.compile(r"^Cannot .*?, CONSTRAINT (\S+) FOREIGN KEY "),
)


def _mysql(error: Any) -> Verdict:
    number, said = _number(error), _first_line(error)
    if number in _MISFIT_NUMBERS:
        found = next(filter(None, (name.search(said) for name in _NAMES)), None)
        return DoesNotFitError, _naming(_MISFIT_NUMBERS[number], found and _last_part(found[1]))
    if _UNTRUSTED in said or (number == _OPTION and "read-only" not in said.replace("_", "-")):
        return DeclarationError, said
    kind, sentence = _NUMBERS.get(-1 if number is None else number, (DeclarationError, "{}"))
    return kind, sentence.format(said or "the connection was lost")


def _last_part(name: str) -> str:
    """A column may be named with its database and table, and a check with its table."""
    return re.sub("[`']", "", name).rpartition(".")[2]


def _duckdb(error: Any) -> Verdict:
    """What it says against a statement is repeated; what it says while rows are read may quote them."""
    name = type(error).__name__
    if _NO_ROOM.search(_first_line(error)):
        return UnavailableError, _DISK_FULL
    if "not a valid DuckDB database" in _first_line(error):
        return DeclarationError, _OTHER_FILE.format("DuckDB")
    if name in _DUCKDB_TRANSIENT:
        return UnavailableError, f"{_first_line(error)}; {_AGAIN}"
    if name in _DUCKDB_OF_STATEMENTS or (name == "InvalidInputException" and _OF_PARAMETERS.match(_first_line(error))):
        return DeclarationError, _first_line(error)
    return DoesNotFitError, f"{_words(error)}{_DUCKDB_HINTS.get(name, '')}"


_DUCKDB_TRANSIENT = {
    *("IOException", "ConnectionException", "InterruptException", "OutOfMemoryException", "TransactionException"),
}
_DUCKDB_OF_STATEMENTS = {"BinderException", "CatalogException", "ParserException", "PermissionException"}
_OF_PARAMETERS = re.compile(r"Invalid Input Error: (Values were not provided|More than one row returned)")
_DUCKDB_HINTS = {"InvalidInputException": " (a value that a function could not read)"}


def _sqlite(error: Any) -> Verdict:
    said = _first_line(error)
    undecoded = re.match(r"Could not decode to UTF-8 column '(.+?)' with text", said)
    if undecoded:
        return DoesNotFitError, _naming(_NOT_UTF8, undecoded[1])
    if said == "user-defined function raised exception":  # ours take any value, but the driver reads texts for them
        return DoesNotFitError, _NOT_UTF8
    if said == "file is not a database":
        return DeclarationError, _OTHER_FILE.format("SQLite")
    if _NO_ROOM.search(said):
        return UnavailableError, _DISK_FULL
    if "locked" in said or "busy" in said:
        return UnavailableError, f"{said}; {_AGAIN}"
    return (UnavailableError if "I/O" in said else DeclarationError), said


_OTHER_FILE = (
    "the file is no {} database; name another file in the URL, or another scheme for this one, such as sqlite:///a.db,"
    " duckdb:///a.duckdb"
)
_NO_ROOM = re.compile("disk is full|No space left|not enough (disk )?space", re.IGNORECASE)


_JUDGES: Mapping[str, Callable[[Any], Verdict]] = {
    "psycopg": _postgresql,
    "pymysql": _mysql,
    "duckdb": _duckdb,
    "_duckdb": _duckdb,
    "sqlite3": _sqlite,
}


def _naming(said: str, name: str | None) -> str:
    return f"{said} ({name})" if name else said


def _number(error: Any) -> int | None:
    first = error.args[0] if error.args else None
    return first if isinstance(first, int) else None


def _first_line(error: Any) -> str:
    text = str(error.args[-1] if error.args else error).strip()
    return text.splitlines()[0].rstrip(".") if text else ""
