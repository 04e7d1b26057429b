# SPDX-License-Identifier: Apache-2.0
"""Configuration of Sphinx for the documents."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / '_ext'))

project = 'Qinling'
copyright = 'OpenStack contributors'

extensions = [
    'cliff.sphinxext',
    'layers',
    'openstackdocstheme',
    'oslo_config.sphinxext',
    'oslo_policy.sphinxext',
]
master_doc = 'index'
source_suffix = {'.rst': 'restructuredtext'}
pygments_style = 'native'

html_theme = 'openstackdocs'
openstackdocs_repo_name = 'openstack/qinling'
openstackdocs_auto_name = False
# Dates and version would come from git and the installed package, which are
# missing in some builds.
openstackdocs_auto_version = False
html_last_updated_fmt = None

man_pages = [
    ('cli/qinling', 'qinling', 'work with functions', 'OpenStack', 1),
]
