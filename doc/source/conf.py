# SPDX-License-Identifier: Apache-2.0
"""How Sphinx makes the documents."""

project = 'Qinling'
copyright = 'OpenStack contributors'

extensions = [
    'cliff.sphinxext',
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
# The dates and the version come from git and the installed package; neither
# is there in every build.
openstackdocs_auto_version = False
html_last_updated_fmt = None

man_pages = [
    ('cli/qinling', 'qinling', 'work with functions', 'OpenStack', 1),
]
