"""Brings the rows of a window from the source into the target, as a mode says."""

import time
from collections.abc import Callable
from dataclasses import replace

from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.locks import locked
from recon_assets.errors import RefusedError
from recon_assets.model import Loaded, Mode, Window
from recon_assets.reading import Pair, nearest
from recon_assets.writing.backups import BackupSink
from recon_assets.writing.blame import run_blaming
from recon_assets.writing.window_load import WindowLoad


def load(  # noqa: PLR0913 - what is loaded, and how
    pair: Pair,
    window: Window,
    *,
    mode: Mode = Mode.INSERT_MISSING,
    columns: tuple[str, ...] = (),
    dry_run: bool = False,
    backup_sink: BackupSink | None = None,
    ask: Callable[[], None] | None = None,
) -> Loaded:
    """Brings the source's rows of one window into the target, all of them or none.

    Another load of the same window is waited for. A dry run does everything and takes it back.

    Args:
        pair: Both sides of the table.
        window: Which rows.
        mode: What may happen to rows that the target has already.
        columns: Source names of the columns that `Mode.FILL_NULLS` and `Mode.UPDATE_COLUMNS` write.
        dry_run: Whether to stop before anything is kept; the figures are those of a real load.
        backup_sink: Remembers what the load changes, so that it can be undone; no dry run and no load that changes
            nothing tells it anything.
        ask: Called, of a load that changes something, just before that is final, while the window is locked; raises
            when it may not be.

    Raises:
        RefusedError: When the mode would break a promise, or does not go with ``columns``.
        DoesNotFitError: Naming table, column, key and class of the value that the target cannot hold.
        UnavailableError: When a database went away, or another run holds the window; the window is as it was.
    """
    _refuse(pair, mode, columns)
    began = time.monotonic()
    with (
        driver_errors(f"{pair.spec.name} {window}"),
        pair.target.connect() as connection,
        locked(connection, f"{pair.spec.target.table} {window}"),
    ):
        job = WindowLoad(pair, window, mode, columns, connection)
        loaded = run_blaming(job)
        if ask and loaded.changed and not dry_run:
            ask()
        job.need_rows(loaded)
        if dry_run:
            connection.rollback()
        else:
            kept = job.backup.hand_over(backup_sink) if backup_sink and loaded.changed else False
            job.advance_sequences(loaded)  # last, for no rollback takes it back
            connection.commit()
            if backup_sink and kept:
                backup_sink.done()
    return replace(loaded, seconds=time.monotonic() - began, dry_run=dry_run)


def _refuse(pair: Pair, mode: Mode, columns: tuple[str, ...]) -> None:
    where, names = f"tables.{pair.spec.name}", [c.source.name for c in pair.columns if not c.target.fixed]
    if mode.names_columns != bool(columns):
        wants = "name the columns to write" if mode.names_columns else "it writes whole rows, so name no columns"
        msg = f"{where}: mode {mode}: {wants}"
        raise RefusedError(msg)
    for name in columns:
        if name not in names or name in pair.spec.key:
            msg = f"{where}: {name!r} is no column to write; {nearest(name, set(names) - set(pair.spec.key))}"
            raise RefusedError(msg)
    if mode is Mode.REPLACE and pair.target_schema.cascading:
        children = ", ".join(pair.target_schema.cascading)
        msg = f"{where}: replacing rows would delete or change rows of {children} by foreign key; use upsert"
        raise RefusedError(msg)
    if mode not in {Mode.INSERT_MISSING, Mode.REPLACE} and not pair.spec.key:
        msg = f"{where}: mode {mode} finds rows by key, and none is declared; declare a key, or use replace"
        raise RefusedError(msg)
