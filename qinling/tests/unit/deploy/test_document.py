# SPDX-License-Identifier: Apache-2.0
"""Tests of the names in the document for operators."""

import re

from oslotest import base

from qinling import conf as qinling_conf
from qinling.orchestrators.kubernetes import pods
from qinling.tests.unit.deploy import manifests

DOCUMENT = (manifests.CHECKOUT / 'doc' / 'source' / 'admin'
            / 'kubernetes.rst').read_text()


class DocumentTest(base.BaseTestCase):

    def test_options(self):
        conf = qinling_conf.load(files=[])
        options = re.findall(r'``\[(\w+)\]\s+(\w+)', DOCUMENT)
        self.assertIn(('kubernetes', 'allow_egress'), options)
        for group, option in options:
            self.assertIn(option, conf[group])

    def test_files(self):
        # What begins with a slash is in a container.
        names = set(re.findall(r'(?<![\w/.])(?:etc|tools)/[\w/.-]*\w',
                               DOCUMENT))
        self.assertIn('etc/kubernetes/overlays/external', names)
        for name in names:
            self.assertTrue((manifests.CHECKOUT / name).exists(), name)

    def test_reasons(self):
        for reason in pods.HOPELESS:
            self.assertIn(f'``{reason}``', DOCUMENT)

    def test_objects(self):
        for item in manifests.written(manifests.DIRECTORY / 'overlays'
                                      / 'external'):
            if item['kind'] in ('Namespace', 'Job', 'Deployment',
                                'PersistentVolumeClaim'):
                self.assertIn(
                    f'{item["kind"]} ``{item["metadata"]["name"]}``',
                    DOCUMENT)
