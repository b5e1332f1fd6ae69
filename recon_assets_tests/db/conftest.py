"""Both sides of a table; their databases are made once for each worker and emptied for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recon_assets import ledger
from recon_assets.ledger import Ledger
from recon_assets.local import Server
from recon_assets_tests.conftest import PROJECT, Fresh
from recon_assets_tests.db.reviewed import Shop, shop
from recon_assets_tests.db.sides import Name, Side, Sides
from recon_assets_tests.mariadb import MariaDB

Both = Callable[[Name, Name], Sides]


@pytest.fixture(scope="session")
def in_postgres(postgres: Server, worker_id: str) -> dict[str, Side]:
    """A source and a target in PostgreSQL."""
    names = {role: f"{role}_{worker_id}" for role in ("source", "target")}
    with postgres.connect() as connection:
        for name in names.values():
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())
    return {role: Side("postgresql", postgres.url(name)) for role, name in names.items()}


@pytest.fixture(scope="session")
def in_mariadb(mariadb: MariaDB) -> dict[str, Side]:
    """A source and a target in MariaDB."""
    for role in ("source_side", "target_side"):
        mariadb.execute(f"CREATE DATABASE {role}")
    return {role: Side("mysql", mariadb.url(f"{role}_side")) for role in ("source", "target")}


@pytest.fixture
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Both]:
    """A function that gives two empty databases of the dialects named, source and target."""
    made: list[Sides] = []

    def side(name: Name, role: str) -> Side:
        if name in {"postgresql", "mysql"}:
            fixture = "in_postgres" if name == "postgresql" else "in_mariadb"
            found: Side = request.getfixturevalue(fixture)[role]
        else:
            found = Side(name, f"{name}:///{tmp_path / role}.{name}")
        found.reset()
        return found

    def sides(source: Name, target: Name) -> Sides:
        made.append(Sides(side(source, "source"), side(target, "target")))
        return made[-1]

    yield sides
    for each in made:
        each.close()


@pytest.fixture
def pg(both: Both, fresh: Fresh) -> Iterator[Shop]:
    """Equal tables on PostgreSQL."""
    with shop(both("postgresql", "postgresql"), fresh("ledger")) as made:
        yield made


@pytest.fixture
def book(fresh: Fresh) -> Iterator[Ledger]:
    """An empty ledger."""
    with ledger.opened(fresh("ledger"), PROJECT) as found:
        yield found
