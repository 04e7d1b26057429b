# SPDX-License-Identifier: Apache-2.0
"""Progress bars, and a spinner while the server works."""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import itertools
import threading
import time
import typing

from qinling.client import http
from qinling.client import units

#: Seconds until a spinner appears, and between two pictures of a spinner.
SPINNER_DELAY, SPINNER_INTERVAL = 0.3, 0.1
#: Pictures of a spinner, and those in ASCII.
PICTURES, ASCII_PICTURES = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏', '|/-\\'
#: Return to the begin of the line, and delete the line.
CLEAR = '\r\033[K'
#: Held by the bar or spinner on the last line of the terminal.
_LINE = threading.Lock()


@contextlib.contextmanager
def _hold_line() -> Iterator[bool]:
    """Hold the last line of the terminal, or yield that another one does."""
    is_free = _LINE.acquire(blocking=False)
    try:
        yield is_free
    finally:
        if is_free:
            _LINE.release()


@contextlib.contextmanager
def show_bar(stream: typing.TextIO, title: str = 'Uploading',
             unit: str = 'B') -> Iterator[Callable[[int, int], None] | None]:
    """Show a progress bar on a terminal.

    :returns: receiver of the number of units so far and of the total;
        ``None`` without a terminal.
    """
    if not stream.isatty():
        yield None
        return
    import tqdm

    with _hold_line(), tqdm.tqdm(desc=title, unit=unit, unit_scale=True,
                                 leave=False, file=stream) as bar:
        def update(position: int, total: int) -> None:
            bar.total = total
            bar.update(position - bar.n)
        yield update


def print_note(text: str, stream: typing.TextIO) -> None:
    """Print a line in place of a spinner, which goes on below the line."""
    clear = CLEAR if _LINE.locked() and stream.isatty() else ''
    print(clear + text, file=stream)


class Spinner(http.Indicator):
    """Moving picture on a terminal while a user waits.

    The picture appears after a moment, but neither within the context of
    another picture nor within a progress bar.

    :param text: tells what the user waits for.
    """

    def __init__(self, stream: typing.TextIO,
                 text: str = 'Waiting for the server') -> None:
        self._stream = stream
        self._text = text

    def show(self) -> contextlib.AbstractContextManager[None]:
        """Return a context with the picture, if there is a terminal."""
        if not self._stream.isatty():
            return super().show()
        return self._spin()

    @contextlib.contextmanager
    def _spin(self) -> Iterator[None]:
        with _hold_line() as is_free:
            if not is_free:
                yield
                return
            end = threading.Event()
            thread = threading.Thread(
                target=self._draw, args=(end,), name='spinner', daemon=True)
            thread.start()
            try:
                yield
            finally:
                end.set()
                thread.join()

    def _draw(self, end: threading.Event) -> None:
        start = time.monotonic()
        if end.wait(SPINNER_DELAY):
            return
        for picture in itertools.cycle(self._list_pictures()):
            seconds = int(time.monotonic() - start)
            age = f' ({units.format_duration(seconds)})' if seconds else ''
            self._write(f'{CLEAR}{picture} {self._text}{age}')
            if end.wait(SPINNER_INTERVAL):
                break
        self._write(CLEAR)

    def _list_pictures(self) -> str:
        try:
            PICTURES.encode(self._stream.encoding or 'ascii')
        except UnicodeEncodeError:
            return ASCII_PICTURES
        return PICTURES

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
