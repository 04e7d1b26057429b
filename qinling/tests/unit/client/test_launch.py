# SPDX-License-Identifier: Apache-2.0
"""Launch configurations of VS Code against the attributes of debuggers."""

import json

import jsonschema
from oslotest import base

from qinling.client import debugging
from qinling.client import local_project
from qinling.client.manifest import model
from qinling.client import project_templates

TEXT = {'type': 'string'}
#: Attributes that every configuration has.
COMMON = {'type': TEXT, 'name': TEXT, 'request': {'const': 'attach'}}
#: Runtime -> type of the debugger, and schema of the attributes to attach:
#: those of the extension debugpy (2024.7), and of js-debug, whose types node
#: and pwa-node have the same attributes.
DEBUGGERS = {
    'python3': ('debugpy', {
        'connect': {
            'type': 'object', 'required': ['port'],
            'additionalProperties': False,
            'properties': {'host': TEXT,
                           'port': {'type': ['number', 'string']}}},
        'pathMappings': {'type': 'array', 'items': {
            'type': 'object', 'required': ['localRoot', 'remoteRoot'],
            'additionalProperties': False,
            'properties': {'localRoot': TEXT, 'remoteRoot': TEXT}}}}),
    'nodejs': ('node', {
        'address': TEXT, 'port': {'type': 'number'},
        'localRoot': {'type': ['string', 'null']},
        'remoteRoot': {'type': ['string', 'null']}})}


class TestLaunchConfigurations(base.BaseTestCase):
    def read(self, template):
        """Return the launch configuration of a project."""
        text = template.render('f')['.vscode/launch.json']
        document = json.loads(text)
        self.assertEqual('0.2.0', document['version'])
        configuration, = document['configurations']
        return configuration

    def test_attributes(self):
        for template in project_templates.TEMPLATES.values():
            if template.runtime not in DEBUGGERS:
                self.assertNotIn('.vscode/launch.json', template.render('f'))
                continue
            configuration = self.read(template)
            kind, attributes = DEBUGGERS[template.runtime]
            jsonschema.validate(configuration, {
                'properties': {**COMMON, **attributes},
                'required': list(COMMON), 'additionalProperties': False})
            self.assertEqual(kind, configuration['type'])

    def test_port_is_that_of_the_command(self):
        for template in project_templates.TEMPLATES.values():
            if template.runtime not in DEBUGGERS:
                continue
            configuration = self.read(template)
            function = local_project.LocalFunction(
                'f', {'runtime': template.runtime}, model.Manifest('.', {}),
                None)
            self.assertEqual(
                debugging.get_port(function),
                configuration.get('connect', configuration)['port'])
