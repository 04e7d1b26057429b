#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.


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
