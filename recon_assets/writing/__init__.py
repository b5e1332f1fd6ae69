"""The only writer of the target: one window is one transaction, and repeating it changes nothing."""

from recon_assets.reading import parents
from recon_assets.writing.backups import BackupSink
from recon_assets.writing.corrections import Correcting, correcting
from recon_assets.writing.fingerprints import Fingerprint
from recon_assets.writing.loading import load
from recon_assets.writing.restoring import Restored, fingerprint, load_status, restore
from recon_assets.writing.typed import typed

__all__ = [
    "BackupSink",
    "Correcting",
    "Fingerprint",
    "Restored",
    "correcting",
    "fingerprint",
    "load",
    "load_status",
    "parents",
    "restore",
    "typed",
]
