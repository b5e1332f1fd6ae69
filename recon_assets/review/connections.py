"""Both sides of a declared table, opened for correcting."""

from collections.abc import Iterator
from contextlib import contextmanager

from recon_assets import dialect, reading
from recon_assets.model import Project, TableSpec


@contextmanager
def paired(project: Project, spec: TableSpec) -> Iterator[reading.Pair]:
    """Both sides, until the block ends.

    Raises:
        DeclarationError: When the table cannot be loaded, so that none of its rows can be corrected.
        UnavailableError: When a database does not answer.
    """
    with (
        dialect.opened(project.databases[spec.source.database], role="source") as source,
        dialect.opened(project.databases[spec.target.database], role="target") as target,
    ):
        yield reading.pair_for_loading(spec, source, target)
