"""Everything in which databases differ; no other module names a dialect."""

from recon_assets.dialect.engines import check_url, engine

__all__ = ["check_url", "engine"]
