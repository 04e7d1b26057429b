# SPDX-License-Identifier: Apache-2.0
"""How far an upload is, on a terminal."""

import contextlib


@contextlib.contextmanager
def bar(stream):
    """What to call with the numbers of bytes sent and to be sent; ``None``
    where nobody looks."""
    if not stream.isatty():
        yield None
        return
    import tqdm

    with tqdm.tqdm(desc='Uploading', unit='B', unit_scale=True, leave=False,
                   file=stream) as shown:
        def progress(sent, total):
            shown.total = total
            shown.update(sent - shown.n)
        yield progress
