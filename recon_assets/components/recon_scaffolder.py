"""What ``dg scaffold defs recon_assets.ReconComponent NAME`` writes: a component and a first declaration."""

import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import dagster as dg
from pydantic import BaseModel, Field

from recon_assets.errors import DeclarationError, ReconError

DECLARATION, SCHEMA = "recon.yaml", "recon.schema.json"
# The ledger knows the project by its name wherever the code is deployed; without it, by the path of the file.
HEAD = f"# yaml-language-server: $schema={SCHEMA}\nproject: {{name}}\n\n"


class ReconScaffoldParams(BaseModel):
    """What `dg scaffold` takes as options."""

    declaration: str = Field("", description="A declaration that exists; no database is asked then.")
    source_env: str = Field("RECON_SOURCE_URL", description="The environment variable with the source's URL.")
    target_env: str = Field("RECON_TARGET_URL", description="The environment variable with the target's URL.")
    source_schema: str = Field("", description="Only this schema of the source.")
    target_schema: str = Field("", description="Only this schema of the target.")
    tables: str = Field("", description="Only these tables of the source, as `orders,customer*`.")
    timezone: str = Field("UTC", description="Whose midnights divide days, as `Europe/Berlin`.")


class ReconScaffolder(dg.Scaffolder[ReconScaffoldParams]):
    """Asks both databases once, as `recon init` does; loading the project never asks them."""

    @classmethod
    def get_scaffold_params(cls) -> type[ReconScaffoldParams]:
        """The options."""
        return ReconScaffoldParams

    def scaffold(self, request: dg.ScaffoldRequest[ReconScaffoldParams]) -> None:
        """Write ``defs.yaml`` and, unless one is named, the declaration beside it.

        Raises:
            SystemExit: When that is not possible, with the reason and what to do; the folder is left as it was.
        """
        folder, params = request.target_path, request.params
        try:
            declared = _existing(params.declaration, folder) if params.declaration else _first(params, folder)
        except ReconError as error:
            # `dg` has made the folder, and would refuse it the next time.
            with suppress(OSError):
                folder.rmdir()
            raise SystemExit(str(error)) from error
        dg.scaffold_component(request, {"declaration": declared, **self.attributes(params)})

    def attributes(self, params: ReconScaffoldParams) -> dict[str, object]:  # noqa: ARG002 - heirs have some
        """What else to write into ``defs.yaml``."""
        return {}


class ReconChecksScaffoldParams(ReconScaffoldParams):
    """The same, and whose assets the tables are filled by."""

    assets_from: str = Field(description="The folder of `defs` that defines the assets, such as `dbt`.")


class ReconChecksScaffolder(ReconScaffolder):
    """The same for checks on assets that exist."""

    @classmethod
    def get_scaffold_params(cls) -> type[ReconChecksScaffoldParams]:
        """The options."""
        return ReconChecksScaffoldParams

    def attributes(self, params: ReconScaffoldParams) -> dict[str, object]:
        """Where the assets are."""
        return params.model_dump(include={"assets_from"})


def _existing(named: str, folder: Path) -> str:
    """The path of a declaration from the component's folder."""
    if not Path(named).is_file():
        msg = f"--declaration {named}: there is no such file here. Name one, or leave it out to have one written."
        raise DeclarationError(msg)
    return os.path.relpath(named, folder)


def _first(params: ReconScaffoldParams, folder: Path) -> str:
    """Write a declaration of the tables that both databases have."""
    # `dg` imports this module in every project: only this needs database drivers.
    from recon_assets.declare.introspection import Place, first_declaration, zone_of_days  # noqa: PLC0415
    from recon_assets.declare.json_schema import json_schema  # noqa: PLC0415

    source = Place("source", _url(params.source_env, "--source-env"), params.source_env, params.source_schema or None)
    target = Place("target", _url(params.target_env, "--target-env"), params.target_env, params.target_schema or None)
    patterns = [pattern.strip() for pattern in params.tables.split(",") if pattern.strip()]
    today = datetime.now(zone_of_days(params.timezone)).date()
    text = first_declaration(source, target, today, tables=patterns, timezone=params.timezone)
    (folder / DECLARATION).write_text(HEAD.format(name=folder.name) + text, encoding="utf-8")
    (folder / SCHEMA).write_text(json.dumps(json_schema(), indent=2) + "\n", encoding="utf-8")
    return DECLARATION


def _url(variable: str, option: str) -> str:
    if url := os.environ.get(variable):
        return url
    msg = (
        f"{variable} is not set: the tables are read from both databases, whose URLs stand in the environment."
        f" Set it to postgresql://user@host/name, name another variable by {option},"
        " or name a declaration that exists by --declaration."
    )
    raise DeclarationError(msg)
