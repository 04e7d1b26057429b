# SPDX-License-Identifier: Apache-2.0
"""Configuration of Sphinx for the release notes."""

project = 'Qinling release notes'
copyright = 'the Qinling contributors, Apache License 2.0'

extensions = ['reno.sphinxext']
master_doc = 'index'
source_suffix = {'.rst': 'restructuredtext'}

html_theme = 'furo'
html_title = project
html_show_sphinx = False
html_last_updated_fmt = None
