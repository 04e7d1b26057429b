# SPDX-License-Identifier: Apache-2.0
"""Progress bars."""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import typing


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

    with tqdm.tqdm(desc=title, unit=unit, unit_scale=True, leave=False,
                   file=stream) as bar:
        def update(position: int, total: int) -> None:
            bar.total = total
            bar.update(position - bar.n)
        yield update
