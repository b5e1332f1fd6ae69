"""Files as the source of a declared table, in Dagster: loaded, judged, and corrected from what they hold now."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import dagster as dg
import pytest

from recon_assets.checks import Count, Fields, Keys
from recon_assets.model import Calendar, Database, Decision, Project, Relation, State, TableSpec
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.dagster.reviewed import DAYS, MISSING, TABLE, WRONG, Shop
from recon_assets_tests.dagster.states import said, states

CHECKS = (Count(), Keys(), Fields())


@dataclass
class FileShop(Shop):
    """Orders come as a file a day."""

    def __post_init__(self) -> None:
        self.run(self.target, TABLE.format("orders"))
        for number, day in enumerate(DAYS):
            self.write(day, *(f"{id_},{day},{id_ * 10}" for id_ in range(number, 60, 3)))

    def write(self, day: str, *lines: str) -> None:
        """The file of a day."""
        Path(self.source, f"orders_{day}.csv").write_text("\n".join(["id,at,amount", *lines, ""]))

    @cached_property
    def project(self) -> Project:
        """What is declared."""
        databases = {"bank": Database("bank", f"files:{self.source}"), "lake": Database("lake", self.target)}
        days = Calendar("at", date(2025, 1, 1), date(2025, 1, 4))
        sides = Relation("bank", "orders_*.csv"), Relation("lake", "orders")
        return Project(databases, {"orders": TableSpec("orders", *sides, ("id",), days, checks=CHECKS)})


@pytest.fixture
def orders(fresh: Fresh, durable: dg.DagsterInstance, tmp_path: Path) -> FileShop:
    """Nothing is loaded."""
    (tmp_path / "extracts").mkdir()
    return FileShop(str(tmp_path / "extracts"), fresh("postgresql"), fresh("ledger"), durable)


def test_files_are_loaded_judged_and_corrected_from(orders: FileShop) -> None:
    """What a run reads is what the files hold when it begins; a bad line is the reason of that run's checks."""
    span = {"dagster/asset_partition_range_start": DAYS[0], "dagster/asset_partition_range_end": DAYS[-1]}
    job = orders.repository.get_job("__ASSET_JOB").get_subset(asset_selection={dg.AssetKey("orders")})

    assert job.execute_in_process(instance=orders.instance, tags=span).success
    assert orders.run(orders.target, "SELECT count(*), sum(amount) FROM orders") == [(60, 17700)]

    orders.write(DAYS[1], *(f"{id_},{DAYS[1]},{id_ * 10 + (id_ == 4)}" for id_ in range(1, 63, 3)))
    assert orders.judge().success
    assert states(orders.instance, orders.project.tables["orders"], "fields")["FAILED"] == {DAYS[1]}
    assert orders.work() == []
    orders.decide(WRONG, Decision.APPLY_SOURCE)
    orders.decide(MISSING, Decision.APPLY_SOURCE)
    assert orders.work() == ["recon_correct_cases"]
    assert (orders.case(WRONG).state, orders.case(MISSING).state) == (State.APPLIED, State.APPLIED)
    mended = orders.run(orders.target, "SELECT id, amount FROM orders WHERE id IN (4, 61) ORDER BY id")
    assert mended == [(4, 41), (61, 610)]

    orders.write(DAYS[2], f"2,{DAYS[2]},x")
    assert orders.judge().success
    last = said(orders.instance, orders.project.tables["orders"], "count")[DAYS[2]]
    assert "could not run: bank: orders_2025-01-03.csv, line 2: amount: expected a number" in str(last.description)
