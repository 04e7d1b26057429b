# SPDX-License-Identifier: Apache-2.0
"""Sphinx extension that writes the pictures of Graphviz into the pages.

Inside the page a picture takes its colours from the style sheet, so one
picture serves the light and the dark pages.
"""

import html
import pathlib
import typing

from docutils import nodes
from sphinx import application
from sphinx.ext import graphviz


def visit(translator: typing.Any, node: graphviz.graphviz) -> None:
    """Write the picture of a node."""
    _, path = graphviz.render_dot(
        translator, node['code'], node['options'], 'svg')
    if path is None:
        raise nodes.SkipNode
    text = pathlib.Path(path).read_text('utf-8')
    title = html.escape(node.get('alt') or 'Diagram')
    translator.body.append(
        f'<div class="diagram" role="img" aria-label="{title}">'
        f'{text[text.index("<svg"):]}</div>')
    raise nodes.SkipNode


def setup(app: application.Sphinx) -> dict[str, typing.Any]:
    """Replace the writer of ``sphinx.ext.graphviz``."""
    app.setup_extension('sphinx.ext.graphviz')
    app.add_node(graphviz.graphviz, override=True, html=(visit, None),
                 man=(graphviz.man_visit_graphviz, None))
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
