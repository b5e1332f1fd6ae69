"""Declared tables: from YAML, Python and the environment to a `Project`, with all that is wrong at once."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from recon_assets.checks import with_undated
from recon_assets.declare.loader import DEMO, Declaration, named, read
from recon_assets.declare.problems import Problem, ProblemsError
from recon_assets.model import Project

__all__ = ["DEMO", "Declaration", "Problem", "ProblemsError", "load_project", "named", "read"]


def load_project(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Project:
    """The declared databases and tables; nothing is connected.

    Tables that are checked by days are checked for rows that no day holds, too.

    Args:
        path: A YAML file; by default RECON_TABLES names a file, or ``module:attribute`` of a
            `Project` made in Python. Without either, recon.yaml of this folder is meant.
        environ: Where URLs are looked up.

    Raises:
        DeclarationError: When there is no such file, or (a `ProblemsError`) it cannot be used.
    """
    declaration = read(path, environ)
    if declaration.errors:
        raise ProblemsError(declaration.origin, declaration.errors)
    project = declaration.project
    tables = {name: replace(spec, checks=(*spec.checks, *with_undated(spec))) for name, spec in project.tables.items()}
    return replace(project, tables=tables, places=declaration.places)
