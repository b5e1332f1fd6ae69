"""The desk: Dagster's pages at ``/``, and at ``/review`` those on which people decide; `server.serve` runs both."""

from recon_assets.web.passwords import hashed as hashed
