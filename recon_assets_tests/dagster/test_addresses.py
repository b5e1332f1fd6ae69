"""Where the webserver is reached, and who may read what lets in."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from recon_assets.orchestration.processes import ADDRESS_FILE, Dagster, address
from recon_assets.orchestration.serving import Serving
from recon_assets.orchestration.webserver import Webserver


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
