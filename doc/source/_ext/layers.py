# SPDX-License-Identifier: Apache-2.0
"""Sphinx directive that draws the layers of an import-linter contract.

``.. layers:: floors`` reads the contract ``floors`` from ``.importlinter``,
so that the picture always equals the contract.
"""

import configparser
import html
import pathlib
import typing

from docutils import nodes
from docutils.parsers import rst
from sphinx import application

CONTRACTS = pathlib.Path(__file__).parents[3] / '.importlinter'
#: Pixels.
WIDTH, ROW_HEIGHT, GAP, FONT_SIZE = 640, 30, 6, 13
#: Boxes beside each other; the others of a row are below.
MAX_COLUMNS = 5
#: Width of a monospace character, relative to the font size.
CHARACTER_EM = 0.62


def read_layers(contract: str, path: pathlib.Path = CONTRACTS
                ) -> list[list[str]]:
    """Return the rows of a contract, the top layer first.

    :param contract: name of the contract in the file.
    :returns: names of the modules of each row.
    :raises KeyError: the file has no such contract of layers.
    """
    parser = configparser.ConfigParser()
    parser.read(path, 'utf-8')
    lines = parser[f'importlinter:contract:{contract}']['layers']
    return [[name.strip(' ()') for name in line.replace(':', '|').split('|')]
            for line in lines.split('\n') if line.strip()]


def draw_box(name: str, x: float, y: float, width: float) -> str:
    """Return the SVG elements of one module; long names are smaller."""
    size = min(FONT_SIZE, width / (CHARACTER_EM * (len(name) + 1)))
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{ROW_HEIGHT}" rx="4" fill="none" stroke="currentColor"/>'
        f'<text x="{x + width / 2:.1f}" '
        f'y="{y + (ROW_HEIGHT + FONT_SIZE) / 2 - 2:.1f}" '
        f'text-anchor="middle" font-family="monospace" '
        f'font-size="{size:.1f}" fill="currentColor">'
        f'{html.escape(name)}</text>')


def draw_layers(rows: list[list[str]]) -> str:
    """Return an SVG picture of layers; a row may import from rows below."""
    boxes = []
    rows = [row[start:start + MAX_COLUMNS] for row in rows
            for start in range(0, len(row), MAX_COLUMNS)]
    for number, row in enumerate(rows):
        width = (WIDTH - GAP * (len(row) - 1)) / len(row)
        boxes += [draw_box(name, column * (width + GAP),
                           number * (ROW_HEIGHT + GAP), width)
                  for column, name in enumerate(row)]
    height = len(rows) * (ROW_HEIGHT + GAP) - GAP
    return (f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'aria-label="Layers" width="{WIDTH + 2}" '
            f'style="max-width: 100%; height: auto" '
            f'viewBox="-1 -1 {WIDTH + 2} {height + 2}">'
            f'{"".join(boxes)}</svg>')


class Layers(rst.Directive):
    """Picture of a contract of layers in HTML, its rows as text elsewhere."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the picture, and the text for other builders."""
        rows = read_layers(self.arguments[0])
        text = '\n'.join(' | '.join(row) for row in rows)
        environment = self.state.document.settings.env
        environment.note_dependency(str(CONTRACTS))
        if environment.app.builder.format == 'html':
            return [nodes.raw('', draw_layers(rows), format='html')]
        return [nodes.literal_block(text, text)]


def setup(app: application.Sphinx) -> dict[str, typing.Any]:
    """Register the directive."""
    app.add_directive('layers', Layers)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
