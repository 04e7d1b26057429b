# SPDX-License-Identifier: Apache-2.0
"""Files of the web interface, read and compressed once per process."""

import dataclasses
import functools
import gzip
import hashlib
import pathlib

DIRECTORY = pathlib.Path(__file__).parent / 'static'
_MEDIA_TYPES = {'.js': 'text/javascript; charset=utf-8',
                '.css': 'text/css; charset=utf-8',
                '.svg': 'image/svg+xml', '.txt': 'text/plain; charset=utf-8'}
_PAGE = 'index.html'


@dataclasses.dataclass(frozen=True)
class Asset:
    """Content of a file, also compressed."""

    media_type: str
    content: bytes
    compressed: bytes


class Assets:
    """All files of the web interface.

    The URL of each file except the page contains a digest over all files, so
    that clients may keep the files without asking again.
    """

    @functools.cached_property
    def _contents(self) -> dict[str, bytes]:
        return {path.relative_to(DIRECTORY).as_posix(): path.read_bytes()
                for path in sorted(DIRECTORY.rglob('*'))
                if path.suffix in _MEDIA_TYPES or path.name == _PAGE}

    @functools.cached_property
    def digest(self) -> str:
        """Return the digest over the names and contents."""
        digest = hashlib.sha256()
        for name, content in self._contents.items():
            digest.update(f'{name}\0{len(content)}\0'.encode() + content)
        return digest.hexdigest()[:16]

    @functools.cached_property
    def files(self) -> dict[str, Asset]:
        """Return the files by name."""
        return {name: _create_asset(
            content, _MEDIA_TYPES[pathlib.PurePath(name).suffix])
            for name, content in self._contents.items() if name != _PAGE}

    @functools.cached_property
    def page(self) -> Asset:
        """Return the page, which loads all modules at once."""
        preloads = ''.join(
            f'<link rel="modulepreload" href="{self.digest}/{name}">\n'
            for name in self._contents if name.endswith('.js'))
        text = self._contents[_PAGE].decode().replace(
            '{digest}', self.digest).replace('{preloads}', preloads)
        return _create_asset(text.encode(), 'text/html; charset=utf-8')


def _create_asset(content: bytes, media_type: str) -> Asset:
    # Without a time, the same content gives the same bytes.
    return Asset(media_type, content, gzip.compress(content, 9, mtime=0))
