"""What Dagster loads: quickly, without a database, and with one clear error when the declaration is wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path
from socket import socket

import dagster as dg
import pytest

from recon_assets.errors import DeclarationError
from recon_assets.model import Project
from recon_assets.orchestration.build_definitions import definitions
from recon_assets.orchestration.processes import HOST, check_free, settings_file

LOAD = """
import json, sys, time
before = time.process_time()
from recon_assets.definitions import defs
repository = defs().get_repository_def()
print(json.dumps({
    "seconds": time.process_time() - before,
    "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    "assets": sorted(key.to_user_string() for key in repository.asset_graph.materializable_asset_keys),
}))
"""
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


def load(**environ: str) -> subprocess.CompletedProcess[str]:
    """Load the definitions in a process of their own, with databases that do not exist."""
    urls = {"RECON_TABLES": "demo", "RECON_SOURCE_URL": NOWHERE, "RECON_TARGET_URL": NOWHERE}
    return subprocess.run(
        [sys.executable, "-c", LOAD], env={**os.environ, **urls, **environ}, capture_output=True, text=True, check=False
    )


def test_definitions_load_within_their_budget() -> None:
    """Under 3 s of processor time, with neither pandas nor great_expectations, and without a database."""
    result = load()

    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    # A busy machine only adds to it, so that the least of two counts.
    assert found["seconds"] < 3 or json.loads(load().stdout)["seconds"] < 3
    assert not {"pandas", "great_expectations", "sklearn", "scipy"} & set(found["modules"])
    assert found["assets"] == [
        "airlines",
        "airports",
        "flights",
        "planes",
        "review_decisions",
        "review_queue",
        "weather",
    ]


def test_a_wrong_declaration_is_one_clear_error(tmp_path: Path) -> None:
    """The code location shows what is wrong and where, in the words of the declaration."""
    path = tmp_path / "tables.yaml"
    path.write_text("databases: {}\ntables: {flights: {sauce: 1}}\n")

    result = load(RECON_TABLES=str(path))

    assert result.returncode != 0
    assert "tables.flights.sauce: unknown key `sauce`. Did you mean `source`?" in result.stderr


def test_a_project_without_tables_is_empty() -> None:
    """Nothing declared, nothing to show."""
    repository = definitions(Project({}, {})).get_repository_def()

    assert isinstance(repository, dg.RepositoryDefinition)
    assert repository.schedule_defs == []


def test_settings_are_found_beside_the_package() -> None:
    """The project's dagster.yaml serves the embedded PostgreSQL and any other."""
    assert "DAGSTER_PG_URL" in settings_file().read_text()


def test_an_unusable_port_is_refused() -> None:
    """Somebody else's port is named, with the way out."""
    with socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with pytest.raises(DeclarationError, match="--port"):
            check_free(taken.getsockname()[1])
