"""The only writer of the target: one window is one transaction, and repeating it changes nothing."""

from recon_assets.slices import parents
from recon_assets.writes.backups import Keeper, printed, restore, standing
from recon_assets.writes.corrections import Correcting, correcting
from recon_assets.writes.loading import load
from recon_assets.writes.prints import Print
from recon_assets.writes.typed import typed

__all__ = [
    "Correcting",
    "Keeper",
    "Print",
    "correcting",
    "load",
    "parents",
    "printed",
    "restore",
    "standing",
    "typed",
]
