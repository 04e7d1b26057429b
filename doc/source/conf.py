# SPDX-License-Identifier: Apache-2.0
"""Configuration of Sphinx for the documents."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / '_ext'))

project = 'Qinling'
copyright = 'the Qinling contributors, Apache License 2.0'

extensions = [
    'cliff.sphinxext',
    'inline_graphviz',
    'layers',
    'openapi_file',
    'oslo_config.sphinxext',
    'oslo_policy.sphinxext',
    'sphinx_design',
]
master_doc = 'index'
source_suffix = {'.rst': 'restructuredtext'}

# The lexer of consoles does not know quotes over several lines.
suppress_warnings = ['misc.highlighting_failure']

html_theme = 'furo'
html_title = 'Qinling'
html_static_path = ['_static']
html_css_files = ['pages.css']
html_show_sphinx = False
html_copy_source = False
html_last_updated_fmt = None

graphviz_output_format = 'svg'
# The program of the Python package of this name, on every platform.
graphviz_dot = str(pathlib.Path(sys.executable).with_name('graphviz-pure'))
graphviz_dot_args = ['-Gbgcolor=transparent', '-Nfontsize=13',
                     '-Efontsize=12']

man_pages = [
    ('cli/qinling', 'qinling', 'work with functions', 'Qinling', 1),
]

# The reference describes the options of the output once.
autoprogram_cliff_ignored = [
    '--help', '--format', '--column', '--quote', '--noindent', '--max-width',
    '--fit-width', '--print-empty', '--prefix', '--sort-column',
    '--sort-ascending', '--sort-descending']
