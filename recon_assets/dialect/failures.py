"""What a driver's error means: try again, or mend the data, or mend the declaration."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from recon_assets.errors import DeclarationError, DoesNotFitError, ReconError, UnavailableError

TRANSIENT_CLASSES = ("08", "40", "53", "55", "57", "58")
TRANSIENT_NUMBERS = {1040, 1053, 1158, 1159, 1160, 1161, 1205, 1213, 1317, 1969, 2002, 2003, 2006, 2013, 3024}
FITTING_CLASSES = ("22", "23")
FITTING_NUMBERS = {1048, 1062, 1136, 1264, 1265, 1292, 1364, 1366, 1406, 1451, 1452, 1690, 3819, 4025}
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_COLUMN = re.compile(r"(?:column|CONSTRAINT|key) [`'\"](?P<name>[^`'\"]+)[`'\"]", re.IGNORECASE)


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turns a driver's error into one of ours that begins with ``where`` and holds no row value and no password."""
    try:
        yield
    except ReconError:
        raise
    except Exception as error:
        ours = explain(where, error)
        if ours is None:
            raise
        raise ours from error


def explain(where: str, error: BaseException) -> ReconError | None:
    """Our error for a driver's one; None when it is no database error."""
    driver = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    kind = type(driver).__module__.partition(".")[0]
    if kind not in {"psycopg", "pymysql", "sqlite3", "duckdb", "_duckdb"}:
        return UnavailableError(f"{where}: {error}") if isinstance(error, sa.exc.TimeoutError) else None
    state, number = getattr(driver, "sqlstate", None), _number(driver)
    if fits_not(state, number):
        return DoesNotFitError(f"{where}: {reason(driver)}")
    if is_transient(driver, state, number):
        return UnavailableError(f"{where}: {_first_line(driver)}; it may work when tried again")
    return DeclarationError(f"{where}: {_first_line(driver)}")


def fits_not(state: str | None, number: int | None) -> bool:
    """Whether the database refused the data itself."""
    return bool(state and state.startswith(FITTING_CLASSES)) or number in FITTING_NUMBERS


def is_transient(driver: BaseException | None, state: str | None, number: int | None) -> bool:
    """Whether the same statement may succeed later: connection lost, deadlock, lock or statement timeout, shutdown."""
    if state:
        return state.startswith(TRANSIENT_CLASSES)
    if type(driver).__module__.startswith("psycopg"):
        return type(driver).__name__ in {"OperationalError", "InterfaceError", "ConnectionTimeout"}
    locked = type(driver).__module__ == "sqlite3" and "locked" in str(driver)
    return number in TRANSIENT_NUMBERS or number == 0 or locked


def reason(driver: BaseException | None) -> str:
    """What the data did wrong, with the column or constraint when the database names it, without the value."""
    diag = getattr(driver, "diag", None)
    if diag is not None:
        named = diag.column_name or diag.constraint_name
        said = _QUOTED.sub("..", diag.message_primary or "refused")
        return f"{said} ({named})" if named else said
    text = str(driver.args[-1]) if driver and driver.args else "refused"
    named = (match := _COLUMN.search(text)) and match["name"]
    said = _QUOTED.sub("..", text.partition(" (`")[0])
    return f"{said} ({named})" if named else said


def _number(driver: BaseException | None) -> int | None:
    first = driver.args[0] if driver and driver.args else None
    return first if isinstance(first, int) else None


def _first_line(driver: BaseException | None) -> str:
    text = str(driver.args[-1] if driver and driver.args else driver).strip()
    return text.splitlines()[0].rstrip(".") if text else type(driver).__name__


def is_duplicate(error: BaseException) -> bool:
    """Whether a unique key refused a row that is there already."""
    driver = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    return getattr(driver, "sqlstate", None) == "23505" or _number(driver) == _DUPLICATE_ENTRY


_DUPLICATE_ENTRY = 1062
