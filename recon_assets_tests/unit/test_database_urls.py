"""Database URLs as people and clouds write them, and what drivers are told."""

import ssl
from pathlib import Path
from urllib.parse import quote

import pytest

from recon_assets.dialect import check_url, engine
from recon_assets.dialect.database_urls import mysql_arguments, postgresql_settings
from recon_assets.dialect.session_settings import MysqlSettings, refuse_others
from recon_assets.errors import DeclarationError
from recon_assets.model import Database

BAD_URLS = {
    "nothing": ("", "not a database URL"),
    "words": ("my s3cr3t database", "not a database URL"),
    "port": ("postgresql://u:s3cr3t@h:s3cr3t/d", "not a database URL"),
    "password in the query": ("postgresql://u@h/d?password=s3cr3t", r"\?password= would show in logs"),
    "another of its names": ("mysql://u@h/d?PASSWD=s3cr3t", r"\?PASSWD= would show in logs"),
    "password of a key": ("postgresql://u@h/d?sslpassword=s3cr3t", r"\?sslpassword= would show"),
    "driver": ("postgresql+psycopg2://u:s3cr3t@h/d", r"driver 'psycopg2' is not used here; write postgresql://"),
    "driver of MySQL": ("mysql+mysqldb://u:s3cr3t@h/d", "driver 'mysqldb' is not used here"),
    "password with @": ("postgresql://u:s3cr3t@s3cr3t@h/d", "has more than one @; in a password @ is written %40"),
    "JDBC": ("jdbc:postgresql://h/d?user=u&pass=s3cr3t", "leave out jdbc: and write user and password before"),
    "option": ("postgresql://u@h/d?sslmod=s3cr3t", r"option \?sslmod= is not known; there are .*schema, .*sslmode"),
    "option of MySQL": ("mysql://u@h/d?readTimeout=s3cr3t", r"option \?readTimeout= is not known; there are ssl-ca"),
    "way of TLS": ("mysql://u@h/d?ssl-mode=s3cr3t", r"\?ssl-mode= must be one of disable, prefer, require"),
    "way of TLS as JSON": ("mysql://u@h/d?ssl={s3cr3t", r"\?ssl= must be one of disable"),
    "certificate": ("mysql://u@h/d?ssl-ca=/s3cr3t", r"\?ssl-ca=: a file .* is no certificate or key \(FileNotFound"),
    "delimiter of files": ("files:.?delimiter=s3cr3t", r"\?delimiter= must be one character but a quote, or tab"),
    "option of files": (
        "files:.?quote=s3cr3t",
        r"option \?quote= is not known; there are columns, dates, decimal, delimiter, encoding",
    ),
    "dates of files": ("files:.?dates=D.M/Y", r"\?dates= must be the order of day and month before the year"),
    "encoding of files": ("files:.?encoding=s3cr3t", r"\?encoding= must be one of utf-8, utf-16, latin-1"),
    "database": ("oracle://u:s3cr3t@h/d", "no support for 'oracle'; use one of duckdb, files, mariadb"),
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
    "files:a folder": "files",
    "files:///a folder": "files",
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


CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBbzCCARWgAwIBAgIULwCL76rJ6/D+8EnhcQT5EijU8YgwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBeDAgFw0yNjExMzAwNTEzMTNaGA8yMTI2MTEwNjA1MTMxM1ow
DDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJmZQ1NPzGAG
rfuxaE3mwxdk3YVGhX3MV7TqIHZfPBJBSGY/aV9/Ril12fWYJ00pNnOfiuu7bvKV
jSDrK1e3iu+jUzBRMB0GA1UdDgQWBBQsDEpK/hN0mT7wvQd4CY+jucBByTAfBgNV
HSMEGDAWgBQsDEpK/hN0mT7wvQd4CY+jucBByTAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0gAMEUCIQDlp30fU0Pdw5WGFynSkHYyMmzVFqqb6NdpglWy8gX4
dQIgcsDYbdyaU4qoJVXa9fTrxM/X/ICVqM+bK3NwJtN30VE=
-----END CERTIFICATE-----
"""
TLS = {
    "": ("prefer", None, None),
    "ssl-mode=REQUIRED": ("require", ssl.CERT_NONE, False),
    "ssl_mode=VERIFY_IDENTITY": ("verify-full", ssl.CERT_REQUIRED, True),
    "sslMode=VERIFY_CA": ("verify-ca", ssl.CERT_REQUIRED, False),
    "sslmode=require": ("require", ssl.CERT_NONE, False),
    "sslmode=verify-full": ("verify-full", ssl.CERT_REQUIRED, True),
    "useSSL=true": ("require", ssl.CERT_NONE, False),
    "ssl=true&charset=latin1": ("require", ssl.CERT_NONE, False),
    "ssl=false": ("disable", None, None),
    "useSSL=false&serverTimezone=UTC": ("disable", None, None),
    "ssl-mode=DISABLED": ("disable", None, None),
    "sslaccept=strict": ("verify-full", ssl.CERT_REQUIRED, True),
    'ssl={"rejectUnauthorized":true}': ("verify-full", ssl.CERT_REQUIRED, True),
    'ssl={"rejectUnauthorized":false}': ("require", ssl.CERT_NONE, False),
    "ssl-ca=CA": ("verify-full", ssl.CERT_REQUIRED, True),
    "sslrootcert=CA&ssl-mode=VERIFY_CA": ("verify-ca", ssl.CERT_REQUIRED, False),
    "ssl_disabled=true": ("disable", None, None),
    "ssl_disabled=false": ("prefer", None, None),
    "ssl_verify_cert=true": ("verify-ca", ssl.CERT_REQUIRED, False),
}


@pytest.mark.parametrize(("option", "meant"), TLS.items(), ids=TLS)
def test_tls_as_clouds_write_it(
    tmp_path: Path, option: str, meant: tuple[str, ssl.VerifyMode | None, bool | None]
) -> None:
    """Whichever database's words are used for whichever database."""
    level, verified, named = meant
    (tmp_path / "ca.pem").write_text(CERTIFICATE)
    url = f"mysql://u@h/d?{option.replace('=CA', f'={tmp_path}/ca.pem')}"
    arguments = mysql_arguments(check_url(url), "ops")
    context = arguments.get("ssl")
    assert arguments.get("ssl_disabled", False) == (level == "disable")
    assert (context and context.verify_mode, context and context.check_hostname) == (verified, named)
    if "=CA" not in option and not option.startswith("ssl_"):
        libpq = check_url(f"postgres://u@h/d?{option}").query.get("sslmode", "prefer")
        assert libpq == level


PASSWORDS = ["é", "😀", "a@b:c/d", "100%", "50%41", "x y", "'\"\\`"]


@pytest.mark.parametrize("password", PASSWORDS)
def test_password_of_any_characters(password: str) -> None:
    """Comes to the driver as it is; PyMySQL would take it for latin1."""
    url = f"mysql://u:{quote(password, safe='')}@h/d"
    assert mysql_arguments(check_url(url), "ops")["password"] == password.encode()


OPTIONS = {
    "": ({}, ""),
    "-csearch_path=app": ({"search_path": "app"}, ""),
    "-c search_path=a,b --work-mem=4MB": ({"search_path": "a,b", "work_mem": "4MB"}, ""),
    r"-csearch_path=my\ app endpoint=ep-1": ({"search_path": "my app"}, "endpoint=ep-1"),
}


@pytest.mark.parametrize(("options", "found"), OPTIONS.items())
def test_options_of_a_url(options: str, found: tuple[dict[str, str], str]) -> None:
    """Settings are made by the session; what only a server's front understands stays."""
    assert postgresql_settings(check_url(f"postgresql://h/d?options={quote(options)}")) == found


def test_options_in_parts() -> None:
    """Several of them, and the ways of others to say the same; what says nothing to us is left out."""
    url = (
        "postgresql://h/d?options=-ca%3D1&options=-cb%3D2&currentSchema=app&pgbouncer=true&ssl-ca=x&ApplicationName=me"
    )
    checked = check_url(url)
    assert postgresql_settings(checked) == ({"a": "1", "b": "2", "search_path": "app"}, "")
    assert {name: value for name, value in checked.query.items() if name != "options"} == {
        "sslrootcert": "x",
        "application_name": "me",
    }


def test_session_that_is_not_as_it_was_told_to_be() -> None:
    """Is refused; servers may write values in their own way."""
    told = {"statement_timeout": "600000ms", "DateStyle": "ISO, YMD", "sql_mode": "A,B", "max_statement_time": 600}
    refuse_others(
        "ops",
        told,
        {"statement_timeout": "10min", "DateStyle": "ISO, YMD", "sql_mode": "B,A", "max_statement_time": "600.0"},
    )
    with pytest.raises(DeclarationError, match=r"ops: .*DateStyle is 'German' and not 'ISO, YMD'[.] .*pooler"):
        refuse_others("ops", told, {**told, "DateStyle": "German"})


def test_settings_of_mysql_itself() -> None:
    """Which counts in milliseconds, and has not all of MariaDB's variables."""
    settings = MysqlSettings(Database("ops", "mysql://h/d"))
    mysql, mariadb = (settings.wanted(mariadb=mariadb, role="source") for mariadb in (False, True))
    assert (mysql["max_execution_time"], mysql["transaction_read_only"]) == (600_000, 1)
    assert (mariadb["max_statement_time"], mariadb["tx_read_only"]) == (600, 1)
    assert not {"check_constraint_checks", "tx_read_only"} & mysql.keys()
