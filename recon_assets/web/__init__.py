"""The site: Dagster's pages at ``/``, and at ``/review`` those on which people decide; `server.serve` runs both."""

from recon_assets.web.identity.passwords import hashed as hashed
