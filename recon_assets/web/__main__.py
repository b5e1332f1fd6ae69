"""`python -m recon_assets.web --host 127.0.0.1 --port 3000 --workspace FILE`."""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path

from recon_assets.errors import ReconError
from recon_assets.web.server import serve

if __name__ == "__main__":
    parser = ArgumentParser(
        prog="recon_assets.web", description="Dagster's pages, and those of the review at /recon and /review."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--workspace", type=Path, required=True)
    given = parser.parse_args()
    try:
        serve(given.host, given.port, given.workspace, os.environ)
    except ReconError as error:
        print(f"recon: {error}", file=sys.stderr)  # noqa: T201 - the process's log
        sys.exit(error.exit_code)
