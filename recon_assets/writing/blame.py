"""When the target refuses a load, the row that it refuses is found by doing the load again, in parts, and named."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace

import sqlalchemy as sa

from recon_assets.dialect import bulk
from recon_assets.dialect.driver_errors import explain, is_duplicate
from recon_assets.errors import DoesNotFitError, ReconError, RefusedError
from recon_assets.model import Loaded, Mode
from recon_assets.reading import rows
from recon_assets.writing.source_rows import WINDOW_UNTOUCHED, Row, advice
from recon_assets.writing.touched_rows import written_meanwhile
from recon_assets.writing.window_load import WindowLoad


def run_blaming(job: WindowLoad) -> Loaded:
    """Runs the job; when the target refuses the data, the error names the row."""
    try:
        return job.run()
    except Exception as error:
        ours = explain("the target refuses it", error)
        if not isinstance(ours, DoesNotFitError):
            raise
        job.connection.rollback()
        raise _blamed(job, str(ours), duplicate=is_duplicate(error)) from None


def _blamed(job: WindowLoad, said: str, *, duplicate: bool) -> ReconError:
    """The error that names the row which the target refuses; it is found by doing the load again, in parts.

    A key that is there already may be one that somebody else committed meanwhile. Now it is seen, and met no more.
    """
    again = replace(job)
    tried = not job.backup.refers_to_itself and _clear(again)  # rows that refer to later ones would be blamed
    if tried:
        again.make_stage()
        with closing(_failures(again)) as failures:
            for row, why in failures:
                return job.source.refusal(row, why)
    if duplicate and (tried or _run_again(again)):
        return written_meanwhile(job.pair, job.window)
    return DoesNotFitError(
        f"{job.pair.spec.name} {job.window}: {job.source.unstaged(said)}; {WINDOW_UNTOUCHED}. {advice(said)}"
    )


def _clear(job: WindowLoad) -> bool:
    """Deletes the rows to be replaced; False when others refer to some, which the load had left alone."""
    try:
        if job.mode is Mode.REPLACE:
            job.delete(job.in_window)
    except RefusedError:
        job.connection.rollback()
        return False
    return True


def _run_again(job: WindowLoad) -> bool:
    """Does all of it again; False when the target does not take the rows now, either."""
    try:
        job.run()
    except sa.exc.IntegrityError as error:
        return not is_duplicate(error)
    return True


def _failures(job: WindowLoad) -> Generator[tuple[Row, str], None, None]:
    """The rows that the target refuses, each with what it says; those before them are in the target."""
    with closing(rows(job.pair, job.window)) as parts:
        for part in parts:
            todo = [part]
            while todo:
                piece = todo.pop()
                said = _refused(job, piece)
                if said and len(piece) == 1:
                    yield piece[0], said
                elif said:
                    half = len(piece) // 2
                    todo += [piece[half:], piece[:half]]


def _refused(job: WindowLoad, piece: list[Row]) -> str | None:
    """What the target says against these rows; None when it takes them."""
    fitted = [job.source.fitted(row) for row in piece]
    point = job.connection.begin_nested()
    try:
        job.connection.execute(sa.delete(job.stage))
        bulk.write_rows(job.connection, job.stage, tuple(column.name for column in job.stage.c), fitted)
        known = None
        if job.pair.key and job.mode is not Mode.REPLACE:
            job.refuse_duplicates()
            known = job.same_key()
        job.write(known)
    except Exception as error:
        ours = explain("the target refuses it", error)
        if not isinstance(ours, DoesNotFitError):
            raise
        point.rollback()
        return str(ours)
    point.commit()
    return None
