"""Database URLs as people and clouds write them, and the arguments that our drivers take for them.

No message repeats a URL or the value of an option: either may hold a password.
"""

import json
import re
import ssl
from collections.abc import Mapping
from typing import Any

import psycopg
import sqlalchemy as sa

from recon_assets.dialect.file_formats import ENCODINGS
from recon_assets.dialect.session_settings import startup_options
from recon_assets.errors import DeclarationError
from recon_assets.model import Database

DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "duckdb": "duckdb",
    "sqlite": "sqlite",
    "files": "files",
}
_DRIVER_OF = {"postgresql": {"psycopg"}, "mysql": {"pymysql"}, "mariadb": {"pymysql"}}
_SHORT_FILES = re.compile("^files:(?!//)")
_FORM = "expected the form postgresql://user:password@host:5432/database"
_ENCODE = "in a password @ is written %40, : %3A, / %2F, ? %3F, # %23 and % %25"


def check_url(url: str, name: str = "database") -> sa.URL:
    """The URL with the driver that we use.

    Raises:
        DeclarationError: When it is no URL, names an unknown database, driver or option, or carries ``?password=``.
    """
    if url.lower().startswith("jdbc:"):
        msg = f"{name}: leave out jdbc: and write user and password before the host; {_FORM}"
        raise DeclarationError(msg)
    parsed = _parsed(_SHORT_FILES.sub("files:///", url))
    if parsed is None:
        msg = f"{name}: not a database URL; {_FORM}; {_ENCODE}"
        raise DeclarationError(msg)
    if "@" in (parsed.host or ""):
        msg = f"{name}: the URL has more than one @; {_ENCODE}"
        raise DeclarationError(msg)
    family, _, driver = parsed.drivername.partition("+")
    if family not in DRIVERS:
        msg = f"{name}: no support for {family!r}; use one of {', '.join(sorted(DRIVERS))}"
        raise DeclarationError(msg)
    if driver and driver not in _DRIVER_OF.get(family, set()):
        msg = f"{name}: driver {driver!r} is not used here; write {family}:// and the right one is taken"
        raise DeclarationError(msg)
    for option in parsed.query:
        if "passw" in option.lower():
            msg = f"{name}: ?{option}= would show in logs; write {family}://user:password@host/database"
            raise DeclarationError(msg)
    ours = parsed.set(drivername=DRIVERS[family])
    return _TRANSLATED.get(ours.get_backend_name(), _as_it_is)(ours, name)


def url_of(database: Database) -> sa.URL:
    """The URL of a declared database, with the driver that we use.

    Raises:
        DeclarationError: As `check_url`; or when only runs of Dagster know it.
    """
    if database.resource and not database.url:
        msg = (
            f"{database.name}: it is the Dagster resource `{database.resource}`, which only runs of Dagster have;"
            " declare besides it `url: {env: NAME}` for what is done outside of them"
        )
        raise DeclarationError(msg)
    return check_url(database.url, database.name)


def backend_of(database: Database) -> str:
    """What a declared database is, by the name its URL begins with."""
    return database.dialect or url_of(database).get_backend_name()


def _parsed(url: str) -> sa.URL | None:
    """None for what is no URL: the parser's error may repeat a part of it, so nobody shall see that."""
    try:
        return sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return None


def _as_it_is(url: sa.URL, _: str) -> sa.URL:
    return url


# How drivers of other languages name the same things; ours are looked up without case, dashes and underscores.
_SAME_OPTION = {
    "sslca": "sslrootcert",
    "usessl": "sslmode",
    "ssl": "sslmode",
    "sslenabled": "sslmode",
    "sslaccept": "sslmode",
    "tls": "sslmode",
    "currentschema": "schema",
    "socket": "unixsocket",
    "applicationname": "application_name",
}
# What says nothing to us: sessions have their own character set, zone, limits and ways to ask.
_WITHOUT_MEANING = {
    *("charset", "characterencoding", "useunicode", "servertimezone", "connectiontimezone", "allowpublickeyretrieval"),
    *("pgbouncer", "connectionlimit", "pooltimeout", "preparethreshold", "statementcachesize", "autoreconnect"),
}
_TLS = {
    "disable": ("disable", "disabled", "false", "0", "no", "off"),
    "prefer": ("prefer", "preferred", "allow"),
    "require": ("require", "required", "true", "1", "yes", "on", "no-verify", "skip-verify", "accept_invalid_certs"),
    "verify-ca": ("verify-ca", "verify_ca"),
    "verify-full": ("verify-full", "verify_full", "verify-identity", "verify_identity", "strict"),
}
_LEVELS = {written: level for level, all_written in _TLS.items() for written in all_written}


def _short(option: str) -> str:
    plain = option.lower().replace("-", "").replace("_", "")
    return _SAME_OPTION.get(plain, plain)


def _level(written: str, option: str, name: str) -> str:
    """How a connection is to be encrypted, in PostgreSQL's words."""
    if written.startswith("{"):  # PlanetScale's way
        try:
            written = "strict" if json.loads(written).get("rejectUnauthorized", True) else "require"
        except ValueError:
            written = ""
    level = _LEVELS.get(written.lower())
    if level is None:
        msg = f"{name}: ?{option}= must be one of {', '.join(_TLS)} (as in PostgreSQL), true or false"
        raise DeclarationError(msg)
    return level


def _unknown(option: str, known: list[str], name: str) -> DeclarationError:
    return DeclarationError(f"{name}: the URL's option ?{option}= is not known; there are {', '.join(sorted(known))}")


def _one(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else " ".join(value)


def _postgresql_url(url: sa.URL, name: str) -> sa.URL:
    """With the options of PostgreSQL's own client only."""
    known = {_short(item.keyword.decode()): item.keyword.decode() for item in psycopg.pq.Conninfo.get_defaults()}
    query: dict[str, Any] = {}
    for option, value in url.query.items():
        short = _short(option)
        if short in _WITHOUT_MEANING:
            continue
        if short == "sslmode":
            # libpq does not look whether sslmode=true, so that a wrong word is found here
            query["sslmode"] = _level(_one(value), option, name)
        elif short == "schema":
            query["options"] = f"{query.get('options', '')} -csearch_path={_one(value)}".strip()
        elif short == "options":
            query["options"] = f"{query.get('options', '')} {_one(value)}".strip()
        elif short in known:
            query[known[short]] = value
        else:
            raise _unknown(option, [*known.values(), "schema"], name)
    return url.set(query=query)


def postgresql_settings(url: sa.URL) -> tuple[dict[str, str], str]:
    """The settings that a URL wants sessions to have, and what else it wants to start them with."""
    return startup_options(_one(url.query.get("options", "")))


_MYSQL_OPTIONS = {
    "sslmode": "ssl-mode",
    "sslrootcert": "ssl-ca",
    "sslcert": "ssl-cert",
    "sslkey": "ssl-key",
    "ssldisabled": "ssl_disabled",
    "sslverifycert": "ssl_verify_cert",
    "sslverifyidentity": "ssl_verify_identity",
    "unixsocket": "unix_socket",
}


def _mysql_url(url: sa.URL, name: str) -> sa.URL:
    """With each option once, by one name."""
    query = {}
    for option, value in url.query.items():
        short = _short(option)
        if short in _WITHOUT_MEANING:
            continue
        if short not in _MYSQL_OPTIONS:
            raise _unknown(option, list(_MYSQL_OPTIONS.values()), name)
        if short in _SWITCHES:
            level = _level(_one(value), option, name)
            if short == "sslmode" or (level == "require"):
                query["sslmode"] = level if short == "sslmode" else _SWITCHES[short]
        else:
            query[short] = _one(value)
    return url.set(query=query)


_SWITCHES = {
    "sslmode": "",
    "ssldisabled": "disable",
    "sslverifycert": "verify-ca",
    "sslverifyidentity": "verify-full",
}


def mysql_arguments(url: sa.URL, name: str) -> dict[str, Any]:
    """What the driver takes for the options of a URL that was checked, and its password.

    Raises:
        DeclarationError: When a certificate cannot be read.
    """
    files = {key: str(url.query[key]) for key in ("sslrootcert", "sslcert", "sslkey") if key in url.query}
    level = url.query.get("sslmode", "verify-full" if "sslrootcert" in files else "require" if files else "prefer")
    made: dict[str, Any] = {}
    if "unixsocket" in url.query:
        made["unix_socket"] = url.query["unixsocket"]
    if url.password is not None:
        made["password"] = str(url.password).encode()  # the driver takes texts for latin1
    if level == "disable":
        made["ssl_disabled"] = True
    elif level != "prefer":
        made["ssl"] = _context(str(level), files, name)
    return made


def _context(level: str, files: Mapping[str, str], name: str) -> ssl.SSLContext:
    """``require`` asks for no certificate that somebody vouches for, as in PostgreSQL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = level == "verify-full"
    context.verify_mode = ssl.CERT_NONE if level == "require" else ssl.CERT_REQUIRED
    try:
        if "sslrootcert" in files:
            context.load_verify_locations(files["sslrootcert"])
        elif level != "require":
            context.load_default_certs()
        if "sslcert" in files:
            context.load_cert_chain(files["sslcert"], files.get("sslkey"))
    except (OSError, ssl.SSLError) as error:
        what = ", ".join(f"?{_MYSQL_OPTIONS[option]}=" for option in files)
        msg = f"{name}: {what}: a file that the URL names is no certificate or key ({type(error).__name__})"
        raise DeclarationError(msg) from None
    return context


def _files_url(url: sa.URL, name: str) -> sa.URL:
    """With the options of CSV only."""
    for option, value in url.query.items():
        if option not in _CSV_OPTIONS:
            raise _unknown(option, list(_CSV_OPTIONS), name)
        if not re.fullmatch(_CSV_OPTIONS[option], _one(value)):
            msg = f"{name}: ?{option}= must be {_CSV_MEANING[option]}"
            raise DeclarationError(msg)
    return url


_CSV_OPTIONS = {
    "delimiter": r"[^\"\r\n]|tab",
    "encoding": "|".join(ENCODINGS),
    "columns": r".*[^\s,].*",
    "decimal": "[.,]",
    "dates": r"D([./-])M\1Y|M([./-])D\2Y",
}
_CSV_MEANING = {
    "delimiter": "one character but a quote, or tab",
    "encoding": f"one of {', '.join(ENCODINGS)}",
    "decimal": "the comma or the point",
    "dates": "the order of day and month before the year, as D.M.Y, D/M/Y or M/D/Y",
    "columns": "the names of the columns of files without a header, as id,day,amount",
}
_TRANSLATED = {"postgresql": _postgresql_url, "mysql": _mysql_url, "mariadb": _mysql_url, "files": _files_url}
