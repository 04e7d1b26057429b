# SPDX-License-Identifier: Apache-2.0
"""The document for operators names what is there."""

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
        named = re.findall(r'``\[(\w+)\]\s+(\w+)', DOCUMENT)
        self.assertIn(('kubernetes', 'allow_egress'), named)
        for group, option in named:
            self.assertIn(option, conf[group])

    def test_files(self):
        # What begins with a slash is in a container.
        named = set(re.findall(r'(?<![\w/.])(?:etc|tools)/[\w/.-]*\w',
                               DOCUMENT))
        self.assertIn('etc/kubernetes/overlays/external', named)
        for name in named:
            self.assertTrue((manifests.CHECKOUT / name).exists(), name)

    def test_reasons(self):
        for reason in pods.HOPELESS:
            self.assertIn(f'``{reason}``', DOCUMENT)

    def test_objects(self):
        for made in manifests.written(manifests.DIRECTORY / 'overlays'
                                      / 'external'):
            if made['kind'] in ('Namespace', 'Job', 'Deployment',
                                'PersistentVolumeClaim'):
                self.assertIn(
                    f'{made["kind"]} ``{made["metadata"]["name"]}``',
                    DOCUMENT)
