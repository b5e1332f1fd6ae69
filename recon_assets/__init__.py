"""Backfill and reconciliation of two databases as Dagster assets.

`compare` compares any two tables of two databases, and names every record that differs.
`build_definitions` makes assets of declared tables, which a `ReconTranslator` names.
`ReconComponent` declares tables in a `defs` folder of a Dagster project.
`ReconDatabase` is a database, or the ledger, as a resource of Dagster.
`ReconChecksComponent`, `with_checks` and `reconciliation_checks` check assets that a Dagster project has already.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recon_assets.components import ReconChecksComponent as ReconChecksComponent, ReconComponent as ReconComponent
    from recon_assets.diff.compare_tables import compare as compare
    from recon_assets.orchestration.build_definitions import build_definitions as build_definitions
    from recon_assets.orchestration.existing_assets import (
        EACH_UPDATE as EACH_UPDATE,
        reconciliation_checks as reconciliation_checks,
        with_checks as with_checks,
    )
    from recon_assets.orchestration.resources import ReconDatabase as ReconDatabase
    from recon_assets.orchestration.translation import ReconTranslator as ReconTranslator

_MODULES = {
    "EACH_UPDATE": "recon_assets.orchestration.existing_assets",
    "ReconChecksComponent": "recon_assets.components",
    "ReconComponent": "recon_assets.components",
    "ReconDatabase": "recon_assets.orchestration.resources",
    "ReconTranslator": "recon_assets.orchestration.translation",
    "build_definitions": "recon_assets.orchestration.build_definitions",
    "compare": "recon_assets.diff",
    "reconciliation_checks": "recon_assets.orchestration.existing_assets",
    "with_checks": "recon_assets.orchestration.existing_assets",
}
__all__ = [*_MODULES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    """The public names, imported when they are used: `recon --help` needs no databases."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    """What is in here. `dg` looks at each name for components, so those that import databases are left out."""
    quick = {name for name, module in _MODULES.items() if module == "recon_assets.components"}
    return sorted({*globals()} - {*__all__} | quick)
