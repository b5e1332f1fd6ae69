"""The processes themselves: code server, webserver and daemon on PostgreSQL, real databases, a real backfill."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from recon_assets import cli
from recon_assets.cli import runs
from recon_assets.errors import DeclarationError, RefusedError, UnavailableError
from recon_assets.model import TableSpec
from recon_assets.orchestration import local_deployment
from recon_assets.orchestration.backfills import Progress, Wanted
from recon_assets.orchestration.check_runs import CheckSelection, Verdict
from recon_assets.orchestration.local_deployment import Session
from recon_assets.orchestration.review_sensor import REVIEW_TAG
from recon_assets.orchestration.webserver import Webserver
from recon_assets.review import people
from recon_assets_tests.conftest import Fresh

TABLES = """
databases:
  shop: {url: {env: RECON_SOURCE_URL}}
  warehouse: {url: {env: RECON_TARGET_URL}}
tables:
  orders:
    source: {database: shop, table: public.orders}
    target: {database: warehouse, table: public.orders}
    key: [id]
    window: {column: at, start: 2025-01-01, end: 2025-01-21, timezone: Europe/Berlin}
    checks: [count]
"""
DAYS = tuple(f"2025-01-{day:02d}" for day in range(1, 21))
BROKEN_DAY, EMPTY_DAY, LOST_DAY = "2025-01-07", "2025-01-09", "2025-01-11"
ORDERS = "CREATE TABLE orders (id bigint PRIMARY KEY, at timestamptz NOT NULL, amount numeric(9, 2) {})"
STATUSES = """
query Statuses($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) { ... on AssetNode { assetChecksOrError { ... on AssetChecks { checks {
    name
    partitionStatuses { ... on AssetCheckTimePartitionStatuses { ranges { status startKey endKey } } }
  } } } } }
}
"""
FILL = """
INSERT INTO orders
SELECT n, timestamptz '2025-01-01 12:00+01' + (n % 20) * interval '1 day', n
FROM generate_series(1, 400) AS n WHERE n % 20 <> 8
"""


def connect(url: str) -> psycopg.Connection:
    """A connection to a database given by an SQLAlchemy URL."""
    return psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True)


@pytest.fixture
def environ(fresh: Fresh, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A project of one table: twenty days, one of which the target refuses and one of which is empty."""
    before = dict(os.environ)
    urls = {name: fresh("postgresql") for name in ("RECON_SOURCE_URL", "RECON_TARGET_URL", "DAGSTER_PG_URL")}
    (tmp_path / "tables.yaml").write_text(TABLES)
    with connect(urls["RECON_SOURCE_URL"]) as source, connect(urls["RECON_TARGET_URL"]) as target:
        source.execute(ORDERS.format(""))
        source.execute(FILL)
        target.execute(ORDERS.format(f"CHECK (at::date <> '{BROKEN_DAY}')"))
    home = {"RECON_HOME": str(tmp_path / "home"), "RECON_TABLES": str(tmp_path / "tables.yaml")}
    home |= {"RECON_REVIEWERS": f"{people.user()}:ana"}
    yield {**before, **urls, "RECON_LEDGER_URL": urls["RECON_TARGET_URL"], **home}
    os.environ.clear()
    os.environ.update(before)


def orders(session: Session) -> TableSpec:
    """The one table."""
    return session.project.tables["orders"]


def last(session: Session, wanted: Wanted, url: str) -> Progress:
    """Fill these windows by the webserver at ``url``; the final progress."""
    _, steps = session.fill(Webserver(url), [wanted])
    *_, progress = steps
    return progress


def partitions_tab(session: Session, url: str) -> dict[str, list[tuple[str, str, str]]]:
    """What the Partitions tab of each check of the table shows, once nothing is under way: stretches of one status."""
    settle(session)
    node = Webserver(url).ask(STATUSES, key={"path": ["orders"]})["assetNodeOrError"]
    return {
        check["name"]: [
            (item["startKey"], item["endKey"], item["status"]) for item in check["partitionStatuses"]["ranges"]
        ]
        for check in node["assetChecksOrError"]["checks"]
        if check["partitionStatuses"]  # those of the whole table have none
    }


def settle(session: Session) -> None:
    """Wait for the runs that the review asks for by itself, which judge the same days."""
    for _ in session.settled():
        pass


def judged(session: Session, url: str, first: str, last: str) -> Verdict:
    """Run the checks alone for these days by the webserver at ``url``; all that was found."""
    *_, final = session.check(Webserver(url), [CheckSelection(orders(session), (first, last))])
    return final


def leave_a_shared_ledger_as_it_is(other: str) -> None:
    """Only what starts Dagster for long upgrades one: older programs may be using it. A dry run does not make one."""
    env = {"RECON_LEDGER_URL": other, "COLUMNS": "500"}
    with connect(other) as book:
        planned = CliRunner().invoke(cli.app, ["backfill", "orders", "--dry-run"], env=env)
        assert (planned.exit_code, "Nothing was launched" in planned.output) == (0, True), planned.output
        assert book.execute("SELECT to_regnamespace('recon')").fetchone() == (None,)
        book.execute("CREATE SCHEMA recon; CREATE TABLE recon.alembic_version AS SELECT '0001' AS version_num")
        for command in (["adopt"], ["backfill"], ["backfill", "--dry-run"], ["check", "--launch"]):
            refused = CliRunner().invoke(cli.app, [*command, "orders"], env=env)
            assert (refused.exit_code, "run `recon ledger upgrade`" in refused.output) == (2, True), refused.output
        assert book.execute("SELECT version_num FROM recon.alembic_version").fetchall() == [("0001",)]


def plan_from_the_command_line(other: str) -> None:
    """A dry run says what would be loaded, and launches nothing."""
    leave_a_shared_ledger_as_it_is(other)
    planned = CliRunner().invoke(cli.app, ["backfill", "orders", "--dry-run"], env={"COLUMNS": "500"})
    assert f"1. orders: 20 to load, {DAYS[0]} to {DAYS[-1]}\nNothing was launched" in planned.output
    assert planned.exit_code == 0


def check_alone(session: Session, environ: dict[str, str], url: str) -> None:
    """Lose rows of one day after all were loaded: a run of checks alone finds it, and loads nothing."""
    assert partitions_tab(session, url) == {"count": [(DAYS[0], DAYS[-1], "SUCCEEDED")]}
    with connect(environ["RECON_TARGET_URL"]) as target:
        target.execute(f"DELETE FROM orders WHERE at::date = '{LOST_DAY}' AND id > 100")

    found = judged(session, url, "2025-01-10", "2025-01-12")

    assert (found.ended, found.unknown) == (True, frozenset())
    assert [(item.check_name, item.partition) for item in found.wrong] == [("count", LOST_DAY)]
    before, after = (DAYS[0], "2025-01-10", "SUCCEEDED"), ("2025-01-12", DAYS[-1], "SUCCEEDED")
    assert partitions_tab(session, url) == {"count": [before, (LOST_DAY, LOST_DAY, "FAILED"), after]}
    assert copied(environ)[date.fromisoformat(LOST_DAY)] == 5


def judge_from_the_command_line(session: Session, environ: dict[str, str], url: str) -> None:
    """The lost rows come back: the command says so, gives the day a new status, and ends as its verdict is."""
    lost = CliRunner().invoke(cli.app, ["check", "orders", "--launch", "--from", "2025-01-10", "--to", LOST_DAY])
    assert lost.exit_code == 1, lost.output
    assert f"orders:count failed: {LOST_DAY}" in lost.output
    settle(session)

    with connect(environ["RECON_TARGET_URL"]) as target:
        target.execute(
            "INSERT INTO orders SELECT n, timestamptz '2025-01-11 12:00+01', n FROM generate_series(110, 400, 20) n"
        )
    found = CliRunner().invoke(
        cli.app, ["check", "--launch", "--all", "--from", LOST_DAY, "--to", LOST_DAY, "--only", "count"]
    )
    assert found.exit_code == 0, found.output
    assert partitions_tab(session, url) == {"count": [(DAYS[0], DAYS[-1], "SUCCEEDED")]}
    for days, only in (((None, None), ("sum",)), ((date(2026, 1, 1), None), ())):
        with pytest.raises(DeclarationError):
            runs.asked_for(session, [orders(session)], days, only)


def copied(environ: dict[str, str]) -> dict[date, int]:
    """Rows of the target by day."""
    with connect(environ["RECON_TARGET_URL"]) as target:
        rows = target.execute("SELECT at::date, count(*) FROM orders GROUP BY 1").fetchall()
    return dict(rows)


def tell_where_it_stands(environ: dict[str, str]) -> None:
    """A line for each table, the same as JSON; without the ledger, what Dagster knows."""
    said = CliRunner().invoke(cli.app, ["status"], env={**environ, "COLUMNS": "200"})
    assert said.stdout.splitlines()[1].split()[:4] == ["orders", "20", "20", "20"]
    assert said.exit_code == 0
    nowhere = {**environ, "RECON_LEDGER_URL": "postgresql://nobody@127.0.0.1:1/none"}
    unknown = CliRunner().invoke(cli.app, ["status", "--json", "-f", environ["RECON_TABLES"]], env=nowhere)
    assert unknown.exit_code == 3, unknown.output
    nothing = dict.fromkeys(("agree", "differ", "not_known", "waiting", "answer"))
    assert json.loads(unknown.stdout) == [{"table": "orders", "days": 20, "loaded": 20, **nothing}]
    assert "127.0.0.1" in unknown.stderr


def refuse_to_load_elsewhere(session: Session, environ: dict[str, str], url: str) -> None:
    """A command of another environment than that of the running Dagster is refused before it launches anything."""
    target, copy = sa.make_url(environ["RECON_TARGET_URL"]), Path(environ["RECON_TABLES"]).with_name("copy.yaml")
    copy.write_text(TABLES)
    others = (
        ("RECON_TARGET_URL", target.set(password="s3cret"), "the password or an option of warehouse"),  # noqa: S106 - it opens nothing
        ("RECON_TARGET_URL", target.set(database="other"), "/other here. Give this command the same, or stop that"),
        ("RECON_TABLES", copy, f"the declaration is {environ['RECON_TABLES']} there, and {copy} here"),
    )
    for name, value, said in others:
        known = value.render_as_string(hide_password=False) if isinstance(value, sa.URL) else str(value)
        for command in (["backfill"], ["check", "--launch"]):
            refused = CliRunner().invoke(cli.app, [*command, "orders"], env={name: known, "COLUMNS": "900"})
            assert (refused.exit_code, said in refused.output) == (2, True), refused.output
            assert "s3cret" not in refused.output
    with pytest.raises(DeclarationError, match=r"does not have shops: it serves another declaration"):
        session.fill(Webserver(url), [Wanted(replace(orders(session), name="shops"), DAYS)])
    assert session.instance.get_runs() == []


def tell_who_launched(session: Session, environ: dict[str, str]) -> None:
    """The tags of what commands have launched, and the ledger of what that wrote."""
    tags = [run.tags for run in session.instance.get_runs()]
    assert {each.get("recon/person") for each in tags if REVIEW_TAG not in each} == {"ana"}
    with connect(environ["RECON_LEDGER_URL"]) as book:
        assert book.execute("SELECT DISTINCT who FROM recon.backup").fetchall() == [("ana",)]


def test_a_backfill_through_webserver_and_daemon(environ: dict[str, str], postgres_url: str) -> None:
    """A failed day stops no other and can be tried again; an empty one is done; each is checked, also alone.

    A process that is lost is noticed.
    """
    with local_deployment.session(environ) as session, session.served() as running:
        wanted = session.missing(orders(session))
        assert wanted.windows == DAYS
        refuse_to_load_elsewhere(session, environ, running.webserver.url)

        plan_from_the_command_line(postgres_url)
        first = CliRunner().invoke(cli.app, ["backfill", "orders"], env={"COLUMNS": "500"})
        assert first.exit_code == 3, first.output
        assert "failed, 19 of 20 days loaded, 360 rows" in first.output
        assert (
            f"orders: 1 day ({BROKEN_DAY}): the row with id=6: the target refuses it: check violation" in first.output
        )
        assert "load what is missing: recon backfill orders --missing" in first.output

        with connect(environ["RECON_TARGET_URL"]) as target:
            target.execute("ALTER TABLE orders DROP CONSTRAINT orders_at_check")
        again = session.missing(orders(session))
        assert again.windows == (BROKEN_DAY,)
        assert last(session, again, running.webserver.url).status == "COMPLETED_SUCCESS"
        assert session.provenance(orders(session)) == local_deployment.Provenance(
            "orders", adopted=0, filled=20, missing=0
        )
        assert session.webserver()

        check_alone(session, environ, running.webserver.url)
        judge_from_the_command_line(session, environ, running.webserver.url)
        tell_where_it_stands(environ)
        tell_who_launched(session, environ)

        with pytest.raises(RefusedError, match="Dagster runs on this home already"), session.served():
            pass

        running.children["daemon"].kill()
        running.children["daemon"].wait()
        with pytest.raises(UnavailableError, match="The daemon ended"):
            running.check()
    assert session.webserver() is None
    assert len(copied(environ)) == 19
