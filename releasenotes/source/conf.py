# SPDX-License-Identifier: Apache-2.0
"""Configuration of Sphinx for the release notes."""

project = 'Qinling release notes'
copyright = 'OpenStack contributors'

extensions = ['openstackdocstheme', 'reno.sphinxext']
master_doc = 'index'
source_suffix = {'.rst': 'restructuredtext'}
pygments_style = 'native'

html_theme = 'openstackdocs'
openstackdocs_repo_name = 'openstack/qinling'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
html_last_updated_fmt = None
