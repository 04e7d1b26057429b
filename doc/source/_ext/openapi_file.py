# SPDX-License-Identifier: Apache-2.0
"""Sphinx directive that offers the description of the API as a file.

``.. openapi::`` lists the operations and links to ``openapi.json`` beside the
page; the file is made from the code, with the default options.
"""

import json
import pathlib
import typing

from docutils import nodes
from docutils.parsers import rst
from docutils import statemachine
from sphinx import application

# First: the libraries would load eventlet, which oslo.service brings.
from qinling import threading_backend  # noqa: F401

from qinling.api.openapi import document  # noqa: H306
from qinling.api import root
from qinling import conf

FILE = 'openapi.json'


def create_document() -> document.Document:
    """Return the description of the API of a single machine."""
    return document.create_document(root.list_declared(), conf.load([], []))


def list_lines(content: document.Document) -> list[str]:
    """Return the table of all operations in reStructuredText."""
    lines = ['.. list-table:: Operations', '   :header-rows: 1', '',
             '   * - Operation', '     - Request', '     - Policy']
    for path, item in content['paths'].items():
        for method, operation in item.items():
            lines += [f'   * - ``{operation["operationId"]}``',
                      f'     - ``{method.upper()} {path}``',
                      f'     - ``{operation["x-policy"]}``']
    return lines


class Openapi(rst.Directive):
    """Table of the operations; in HTML, also a link to the file."""

    def run(self) -> list[nodes.Node]:
        """Return the link and the table."""
        lines = list_lines(create_document())
        if self.state.document.settings.env.app.builder.format == 'html':
            lines = [f'Download: `{FILE} <{FILE}>`__', '', *lines]
        parent = nodes.container()
        self.state.nested_parse(
            statemachine.StringList(lines, source=__file__), 0, parent)
        return parent.children


def write_file(app: application.Sphinx, error: Exception | None) -> None:
    """Write the file beside the page."""
    if error is None and app.builder.format == 'html':
        path = pathlib.Path(app.outdir, 'api', FILE)
        path.write_text(json.dumps(create_document(), indent=2), 'utf-8')


def setup(app: application.Sphinx) -> dict[str, typing.Any]:
    """Register the directive and the file."""
    app.add_directive('openapi', Openapi)
    app.connect('build-finished', write_file)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
