# SPDX-License-Identifier: Apache-2.0
"""Files of the web interface, read and compressed once per process."""

import base64
import dataclasses
import functools
import gzip
import hashlib
import html
import os
import pathlib
import re

DIRECTORY = pathlib.Path(__file__).parent / 'static'
_MEDIA_TYPES = {'.js': 'text/javascript; charset=utf-8',
                '.css': 'text/css; charset=utf-8',
                '.svg': 'image/svg+xml', '.txt': 'text/plain; charset=utf-8'}
_PAGE, _PROGRAM = 'index.html', 'app.js'
#: Code within the page, which asks for data before the program is there.
_EARLY = 'early.js'
#: Pages to keep; options have the URL by which a client reaches the API.
_MAX_PAGES = 8
#: Import at the beginning of a module.
_IMPORT = re.compile(r"^(?:import |  )[^;()]*from '(\.[^']*)';$", re.MULTILINE)


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
    def _page(self) -> str:
        """Return the page without options."""
        preloads = ''.join(
            f'<link rel="modulepreload" href="{self.digest}/{name}">\n'
            for name in self.list_imports(_PROGRAM))
        return self._contents[_PAGE].decode().replace(
            '{digest}', self.digest).replace('{preloads}', preloads).replace(
                '{early}', self._contents[_EARLY].decode())

    @functools.cached_property
    def early_digest(self) -> str:
        """Return the digest of the code within the page, for its policy."""
        digest = hashlib.sha256(self._contents[_EARLY]).digest()
        return f"'sha256-{base64.b64encode(digest).decode()}'"

    @functools.lru_cache(maxsize=_MAX_PAGES)
    def create_page(self, options: bytes) -> Asset:
        """Return the page, which loads the modules of the first view at once.

        :param options: JSON of what the page needs before a login.
        """
        text = self._page.replace('{options}', html.escape(options.decode()))
        return _create_asset(text.encode(), 'text/html; charset=utf-8')

    def list_imports(self, name: str) -> list[str]:
        """Return a module and the modules that the module needs to run."""
        names = [name]
        for name in names:
            directory = pathlib.PurePosixPath(name).parent
            names += [path for path in (
                os.path.normpath(directory / reference) for reference
                in _IMPORT.findall(self._contents[name].decode()))
                if path not in names]
        return names


def _create_asset(content: bytes, media_type: str) -> Asset:
    # Without a time, the same content gives the same bytes.
    return Asset(media_type, content, gzip.compress(content, 9, mtime=0))
