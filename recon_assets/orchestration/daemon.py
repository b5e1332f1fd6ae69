"""Dagster's daemons, with backfills that start at once: `python -m recon_assets.orchestration.daemon WORKSPACE`."""

import sys
from pathlib import Path

from recon_assets.orchestration import adapter

if __name__ == "__main__":
    adapter.run_daemons(Path(sys.argv[1]))
