"""Backfill and reconciliation of two databases as Dagster assets.

`compare` compares any two tables of two databases, and names every record that differs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recon_assets.diff.compare_tables import compare as compare

__all__ = ["compare"]


def __getattr__(name: str) -> Any:
    """The public names, imported when they are used: `recon --help` needs no databases."""
    if name == "compare":
        from recon_assets.diff import compare  # noqa: PLC0415 - see above

        return compare
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
