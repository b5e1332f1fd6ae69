"""The only writer of the target: one window is one transaction, and repeating it changes nothing."""

from recon_assets.reading import parents as parents
from recon_assets.writing.backups import BackupSink as BackupSink
from recon_assets.writing.corrections import Correcting as Correcting, correcting as correcting
from recon_assets.writing.fingerprints import Fingerprint as Fingerprint
from recon_assets.writing.loading import load as load
from recon_assets.writing.restoring import (
    Restored as Restored,
    fingerprint as fingerprint,
    load_status as load_status,
    restore as restore,
)
from recon_assets.writing.typed import typed as typed
