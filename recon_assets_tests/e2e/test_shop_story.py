"""The made-up shop, from two databases that nobody prepared to a decided case and back, by README's commands."""

import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pymysql
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser
from pymysql.constants import CLIENT

from recon_assets.orchestration.webserver import Webserver
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.e2e.conftest import RECON, Empty, connected, until

HERE = Path(__file__).parent
LATEST = date(2026, 11, 30)
"""The day after which the shop's SQL has few rows, and none after the next ten days."""
PATIENCE = 180
LOST = "payments/all/missing"


@dataclass
class Reader:
    """Somebody in an empty folder with two databases, who types what README says."""

    both: Empty
    folder: Path
    environ: dict[str, str]
    typed: dict[str, float] = field(default_factory=dict)

    def types(self, *words: str, ends_with: int = 0) -> str:
        """A command to its end; what it printed."""
        began = time.monotonic()
        done = subprocess.run(
            [RECON, *words], env=self.environ, cwd=self.folder, capture_output=True, text=True, check=False
        )
        self.typed[" ".join(words)] = round(time.monotonic() - began, 1)
        assert done.returncode == ends_with, (words, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def amends(self, **columns: str) -> None:
        """Ignore columns, as `recon validate` offers it of those whose rows will not fit."""
        path = self.folder / "recon.yaml"
        text = path.read_text()
        for table, ignored in columns.items():
            text, count = re.subn(
                rf"(\n  {table}:\n(?:    .*\n)*?    key: .*\n)", rf"\1    columns: {{ignore: [{ignored}]}}\n", text
            )
            assert count == 1, text
        path.write_text(text)


@pytest.fixture
def reader(fresh: Fresh, clean: dict[str, str], tmp_path: Path) -> Reader:
    """With the shop in MariaDB, and its empty tables in PostgreSQL."""
    source, target = fresh("mysql"), fresh("postgresql")
    url = sa.make_url(source)
    with pymysql.connect(
        unix_socket=str(url.query["unix_socket"]),
        user="root",
        database=url.database,
        ssl_disabled=True,
        client_flag=CLIENT.MULTI_STATEMENTS,
        autocommit=True,
    ) as connection:
        cursor = connection.cursor()
        cursor.execute(recent((HERE / "shop_source.sql").read_text()))
        while cursor.nextset():
            pass
    with connected(target) as there:
        there.execute((HERE / "shop_target.sql").read_text().encode())
    urls = {"RECON_SOURCE_URL": source, "RECON_TARGET_URL": target}
    environ = {**clean, **urls, "RECON_HOME": str(tmp_path / ".recon"), "USER": "ana"}
    elsewhere = {**environ, "RECON_TABLES": str(tmp_path / "recon.yaml")}
    return Reader(Empty(elsewhere, urls), tmp_path, environ)


def recent(script: str) -> str:
    """The shop as if it were of these weeks, whenever the test runs."""
    later = datetime.now(UTC).date() - LATEST
    return re.sub(r"2026-1[012]-\d\d", lambda day: str(date.fromisoformat(day[0]) + later), script)


def page(webserver: Webserver) -> str:
    """What the first page says, as a program reads it."""
    place = HTTPConnection(urlsplit(webserver.url).netloc, timeout=30)
    place.request("GET", "/recon")
    text = place.getresponse().read().decode()
    place.close()
    return text


def counted(target: psycopg.Connection) -> int:
    """Payments in the target."""
    (count,) = target.execute("SELECT count(*) FROM shop.payments").fetchone() or (0,)
    return int(count)


def photographed(url: str, browser: Browser, picture: Path) -> None:
    """The page as README shows it."""
    screen = browser.new_page(viewport={"width": 1280, "height": 400})
    screen.goto(f"{url}/recon")
    screen.screenshot(path=picture, full_page=True)
    screen.close()


@pytest.mark.soak
def test_a_shop_from_init_to_a_decided_case_and_back(
    reader: Reader, browser: Browser, pictures: Path, record_property: Callable[[str, object], None]
) -> None:
    """Each command ends as README says, and each says what is to be done next."""
    assert "Read it, then compare it" in reader.types("init", "--out", "recon.yaml")
    said = reader.types("validate", "--connect")
    assert "0 errors" in said
    for column in ("isActive", "birthday", "ended"):
        assert f"`{column}` (" in said, "rows that will not fit are told before they are loaded"
    reader.amends(customers="isActive, birthday", sessions="ended")
    assert "will not" not in reader.types("validate", "--connect")
    reader.types("adopt", "--all")
    reader.types("backfill", "--all")
    assert "Yes: every finished day of every table has been compared, and agrees." in reader.types("status")

    with reader.both.target() as target, reader.both.dev() as webserver:
        target.execute("DELETE FROM shop.payments WHERE order_id IN (11, 12)")
        target.execute("UPDATE shop.orders SET total = total * 100 WHERE id = 7")
        assert "payments:keys failed: all" in reader.types("check", "--launch", "payments", "orders", ends_with=1)
        until(lambda: LOST in reader.types("review", "list"), PATIENCE)
        assert "No: orders and payments differ." in page(webserver)
        photographed(webserver.url, browser, pictures / "agreement.png")
        assert "Decide: the same command with --yes" in reader.types("review", "decide", LOST, "APPLY_SOURCE")
        assert counted(target) == 1498

        reader.types("review", "decide", LOST, "APPLY_SOURCE", "--yes")
        until(lambda: counted(target) == 1500, PATIENCE)
        until(lambda: "No: orders differs." in page(webserver), PATIENCE)
        reader.types("rollback", "case", LOST, "--note", "wrong", "--yes")
        assert counted(target) == 1498
        until(lambda: "No: orders and payments differ." in page(webserver), PATIENCE)
    record_property("seconds", reader.typed)
