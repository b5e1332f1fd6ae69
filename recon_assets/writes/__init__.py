"""The only writer of the target: one window is one transaction, and repeating it changes nothing."""

from recon_assets.writes.corrections import Correcting, correcting
from recon_assets.writes.loading import load

__all__ = ["Correcting", "correcting", "load"]
