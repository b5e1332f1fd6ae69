"""The only reader of the two sides: what a relation looks like, and its rows of a window."""

from recon_assets.slices.names import as_table, condition, nearest, split_name, written
from recon_assets.slices.pairs import Mapped, Pair, pair, problems
from recon_assets.slices.rows import counts_by_day, rows, selection
from recon_assets.slices.shapes import ForeignKey, Shape, describe

__all__ = [
    "ForeignKey",
    "Mapped",
    "Pair",
    "Shape",
    "as_table",
    "condition",
    "counts_by_day",
    "describe",
    "nearest",
    "pair",
    "problems",
    "rows",
    "selection",
    "split_name",
    "written",
]
