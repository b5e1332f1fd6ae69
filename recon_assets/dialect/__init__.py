"""Everything in which databases differ, but for how each writes down a kind of value (`recon_assets.values`)."""

from recon_assets.dialect.cancelling import cancel_all
from recon_assets.dialect.database_urls import backend_of, url_of
from recon_assets.dialect.engines import check_url, engine, for_reading, opened, opened_frame
from recon_assets.dialect.frames import Frame

__all__ = [
    "Frame",
    "backend_of",
    "cancel_all",
    "check_url",
    "engine",
    "for_reading",
    "opened",
    "opened_frame",
    "url_of",
]
