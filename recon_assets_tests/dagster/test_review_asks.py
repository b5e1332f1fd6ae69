"""What the sensor asks for: as few runs of checks as can be; and who may talk to the webserver."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from recon_assets.model import Project, TableSpec
from recon_assets.orchestration.processes import ADDRESS_FILE, Dagster, address
from recon_assets.orchestration.review_sensor import Work, judgements
from recon_assets.orchestration.serving import Serving
from recon_assets.orchestration.translation import UNPREFIXED
from recon_assets.orchestration.webserver import Webserver
from recon_assets.review import Look
from recon_assets_tests.dagster.example import OPS, WAREHOUSE, Promise, spec

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHECKS = (Promise("count"), Promise("schema", daily=False))


def project(*tables: TableSpec) -> Project:
    """These tables, with a daily check and one of the whole table."""
    checked = {table.name: replace(table, checks=CHECKS) for table in tables}
    return Project({"ops": OPS, "warehouse": WAREHOUSE}, checked)


PROJECT = project(spec(), spec("weather"), spec("airlines", None))


def asked(*looks: Look) -> list[tuple[tuple[str, ...], tuple[str, str] | None, bool]]:
    """The checks, the days and the records of each run."""
    works: list[Work] = list(judgements(PROJECT, UNPREFIXED, looks, (), NOW))
    return [(tuple(key.to_user_string() for key in work.scope.keys), work.scope.span, work.records) for work in works]


def test_near_days_and_tables_of_one_calendar_share_a_run() -> None:
    """And a table without days joins it."""
    looks = (Look("flights", "2013-03-05"), Look("weather", "2013-03-08"), Look("airlines", "all"))

    ((names, span, records),) = asked(*looks)

    assert set(names) == {"flights:count", "weather:count", "airlines:count", "airlines:schema"}
    assert span == ("2013-03-05", "2013-03-08")
    assert not records


def test_days_far_apart_are_runs_of_their_own() -> None:
    """Judging three weeks that nobody asked for costs more than a run."""
    found = asked(Look("flights", "2013-03-02"), Look("flights", "2013-03-28"))

    assert [span for _, span, _ in found] == [("2013-03-02", "2013-03-02"), ("2013-03-28", "2013-03-28")]


def test_all_records_are_compared_only_where_that_is_asked() -> None:
    """A run that compares them is another one."""
    found = asked(Look("flights", "2013-03-02"), Look("flights", "2013-03-03", records=True))

    assert [(span, records) for _, span, records in found] == [
        (("2013-03-02", "2013-03-02"), False),
        (("2013-03-03", "2013-03-03"), True),
    ]


def test_a_check_of_the_whole_table_is_judged_without_its_days() -> None:
    """By any day's run."""
    assert [names for names, _, _ in asked(Look("flights", "all"))] == [("flights:schema",)]


def test_days_that_are_not_the_tables_are_not_asked_for() -> None:
    """Dagster would refuse the run, again and again."""
    assert asked(Look("flights", "2014-01-01")) == []


def test_only_this_user_may_read_what_lets_in(tmp_path: Path) -> None:
    """The token of the webserver is in a file of the home, for as long as it runs."""
    dagster = Dagster(tmp_path)
    dagster.logs.mkdir(parents=True)
    path = dagster.folder / ADDRESS_FILE

    webserver = Webserver("http://127.0.0.1:1", 1.0, "s3cret")

    with dagster.known_as(webserver, Serving("demo", {})):
        assert path.stat().st_mode & 0o777 == 0o600
        assert "s3cret" in path.read_text()
        assert "s3cret" not in repr(webserver)
    assert not path.exists()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:3000"),
        ("0.0.0.0", "http://127.0.0.1:3000"),  # noqa: S104 - nothing is bound
        ("::", "http://[::1]:3000"),
        ("::1", "http://[::1]:3000"),
        ("desk.example", "http://desk.example:3000"),
    ],
)
def test_what_is_bound_to_every_address_is_reached_by_the_loopback(host: str, url: str) -> None:
    """`recon web --host 0.0.0.0` is asked from here like `recon dev` is."""
    assert address(host, 3000) == url


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::", "::1"])  # noqa: S104 - for a moment
def test_what_is_bound_answers_there(host: str) -> None:
    """Bound as the webserver binds it: `::` is of IPv6 alone."""

    async def connect() -> None:
        try:
            server = await asyncio.start_server(lambda _, writer: writer.close(), host, 0)
        except OSError as error:
            pytest.skip(f"this machine has no {host}: {error}")
        async with server:
            place = urlsplit(address(host, server.sockets[0].getsockname()[1]))
            _, writer = await asyncio.open_connection(place.hostname, place.port)
            writer.close()

    asyncio.run(connect())
