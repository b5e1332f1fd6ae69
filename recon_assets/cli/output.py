"""What commands print: words for people, JSON for programs. Colours only on a terminal."""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from types import FrameType
from typing import IO, Any, NoReturn, TypeVar
from unicodedata import normalize

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from recon_assets.errors import INTERRUPTED
from recon_assets.model import Value, value_text

Result = TypeVar("Result")

_WIDE = 120


class _Screen(Console):
    """A console whose reader may go away (`| head`): what was begun is done, and the exit code tells how it went."""

    def on_broken_pipe(self) -> None:
        """Goes on for nobody: rich would end the process with 1, which means that records differ."""
        _to_nobody(self.file)


def _to_nobody(stream: IO[str]) -> None:
    """What is still buffered, or comes, would be an error again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def screen(*, stderr: bool = False) -> Console:
    """A console; a file or a pipe gets lines long enough to be read."""
    found = _Screen(stderr=stderr, highlight=False, emoji=False)
    return found if found.is_terminal else _Screen(stderr=stderr, highlight=False, emoji=False, width=_WIDE)


def complain(words: str) -> None:
    """Says what went wrong, on standard error."""
    _say(Text.assemble(("recon: ", "bold red"), words))


def remark(words: str) -> None:
    """Says something to the person, on standard error, so that standard output stays what was asked for."""
    _say(Text(words))


def _say(words: Text) -> None:
    screen(stderr=True).print(words, soft_wrap=True)


def tell(words: str) -> None:
    """Prints one sentence as it is."""
    screen().print(Text(words), soft_wrap=True)


def as_json(value: Any) -> None:
    """Prints one JSON value."""
    with piped():
        print(json.dumps(value, indent=2, ensure_ascii=False, default=str))  # noqa: T201 - rich would wrap and colour it


def plain_table(*headings: str) -> Table:
    """A table without lines, whose long cells are folded."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(Text(heading), overflow="fold")
    return table


@contextmanager
def piped() -> Iterator[None]:
    """Let a reader that has read enough (`| head`) go in silence: the exit code is still to come."""
    try:
        yield
    except BrokenPipeError:
        pass
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BrokenPipeError:
                _to_nobody(stream)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A function that shows the step that is being done, on a terminal; elsewhere it is silent."""
    console = screen(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    spinner = Spinner("dots", "connecting")
    # Live would take standard output to itself, and what was asked for would end up on standard error.
    with Live(spinner, console=console, transient=True, redirect_stdout=False, redirect_stderr=False):
        yield lambda words: spinner.update(text=Text(words))


@contextmanager
def leaving_at_once(words: str) -> Iterator[None]:
    """Let Ctrl-C end the process with ``words`` and its statements; threads that wait for them do not hold it back."""
    try:
        yield
    except KeyboardInterrupt:
        complain(words)
        from recon_assets.dialect import cancel_all  # noqa: PLC0415 - slow, and known where a database is waited for

        cancel_all()
        _leave(INTERRUPTED)


def ending_as_by_ctrl_c() -> None:
    """Let a polite kill, and a terminal that is closed (unless nohup is told to ignore it), end us in order, too."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _leave(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)


def aside(work: Callable[[], Result]) -> Result:
    """What ``work`` gives, done in another thread: a driver that computes in C would not hear Ctrl-C in this one."""
    done: list[Result] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def beside(source: Value, target: Value, width: int) -> tuple[str, str]:
    """Two values that differ, cut to ``width`` where they are long, but not where they differ."""
    left, right = value_text(source), value_text(target)
    if isinstance(source, str) and isinstance(target, str) and normalize("NFC", source) == normalize("NFC", target):
        left, right = ascii(source), ascii(target)  # they would look the same
    alike = sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(left, right, strict=False)))
    start = alike - width // 3 if alike > width // 2 and max(len(left), len(right)) > width else 0
    return _excerpt(left, start, width), _excerpt(right, start, width)


def _excerpt(text: str, start: int, width: int) -> str:
    cut = ("…" if start else "") + text[start:]
    return cut if len(cut) <= width else cut[: width - 1] + "…"
