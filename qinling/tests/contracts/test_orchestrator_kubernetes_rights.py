# SPDX-License-Identifier: Apache-2.0
"""Tests of the rights in etc/kubernetes: engines get the required rights only.
"""

import pathlib

from oslotest import base
import yaml

from qinling.cmd import status
from qinling import exception
from qinling.orchestrators import base as orchestrators
from qinling.orchestrators.kubernetes import permissions
from qinling.tests.contracts import kubernetes_drivers
from qinling.tests.contracts import test_orchestrator

MANIFESTS = pathlib.Path(__file__).parents[3] / 'etc' / 'kubernetes' / 'base'


def role():
    """Return the single Role of the manifests."""
    roles = [document for path in sorted(MANIFESTS.glob('*.yaml'))
             for document in yaml.safe_load_all(path.read_text())
             if document and document['kind'] == 'Role']
    role, = roles
    return role


def list_rights(rules):
    """Return the set of (group, resource, verb) of rules."""
    return {(group, resource, verb) for rule in rules
            for group in rule['apiGroups'] for resource in rule['resources']
            for verb in rule['verbs']}


class TestRights(kubernetes_drivers.StandIn, base.BaseTestCase):
    """Tests of the whole life of pools and workers, with the rights of the
    role.
    """

    def make_cluster(self):
        return super().make_cluster(rules=role()['rules'])

    def call_all_methods(self):
        """Call every method of a driver."""
        driver = self.make_driver(network_policy_probe='require',
                                  runtime_egress=['r 10.0.0.5/32:5432'])
        self.cluster.kubelet.enforces_policies = True
        for image in self.images:
            driver.ensure_pool(orchestrators.RuntimeSpec('r', image))
        # The second engine deletes the policy of the runtime.
        second = self.make_driver()
        second.describe()
        second.ensure_pool(orchestrators.RuntimeSpec('r', self.images[1]))
        workers = [driver.claim('r', orchestrators.FunctionKey('f', number),
                                test_orchestrator.LIMITS)
                   for number in range(3)]
        self.wait_until(lambda: any(call.subresource == 'resize'
                                    for call in self.cluster.calls))
        for worker in workers:
            driver.release(worker)
        driver.run_image(orchestrators.ImageRun(
            'e', 'f', 'example/echo:1', (), 100, 64 << 20, 10, 1000))
        self.wait_until(lambda: any(
            call.resource == 'leases' and call.verb == 'patch'
            for call in self.cluster.calls))
        driver.delete_pool('r')
        for instance in (driver, second):
            instance.close()

    def test_required_rights_equal_granted_rights(self):
        self.call_all_methods()
        self.assertEqual([], [call for call in self.cluster.calls
                              if call.code == 403])
        self.assertEqual(list_rights(role()['rules']), self.cluster.rules())

    def test_each_right_is_enforced(self):
        # The stand-in would be no proof if it let everything pass.
        self.cluster.access.rules = [
            rule for rule in role()['rules']
            if rule['resources'] != ['leases']]
        driver = self.make_driver()
        error = self.assertRaises(
            exception.PermanentError, driver.ensure_pool,
            orchestrators.RuntimeSpec('r', self.images[0]))
        self.assertIn('cannot create resource "leases"', str(error))

    def test_check_knows_the_role(self):
        self.assertEqual(list_rights(role()['rules']), {
            (group, resource, verb)
            for (group, resource), verbs in permissions.REQUIRED.items()
            for verb in verbs})
        driver = self.make_driver()
        self.assertEqual([], driver.find_missing_permissions())
        self.assertEqual(
            ['get pods/proxy', 'create pods/proxy'],
            self.make_driver(reach='proxy').find_missing_permissions())

    def test_check_finds_each_missing_permission(self):
        rules = role()['rules']
        for group, resource, verb in sorted(list_rights(rules)):
            self.cluster.access.rules = [
                {**rule, 'verbs': set(rule['verbs']) - {verb}}
                if resource in rule['resources'] and group in rule['apiGroups']
                else rule for rule in rules]
            missing, = self.make_driver().find_missing_permissions()
            self.assertEqual(
                f'{verb} {resource}' + (group and f'.{group}'), missing)

    def test_resize_is_optional(self):
        self.cluster.access.rules = [
            rule for rule in role()['rules']
            if rule['resources'] != ['pods/resize']]
        self.assertEqual(['patch pods/resize'],
                         self.make_driver().find_missing_permissions())
        self.assertEqual(
            [], self.make_driver(resize='off').find_missing_permissions())

    def test_upgrade_check(self):
        conf = kubernetes_drivers.configuration(
            self.cluster.kubeconfig, self.cluster.namespace)
        conf.set_override('orchestrator', 'kubernetes', group='engine')
        checks = status.Checks(conf)
        self.assertEqual('SUCCESS', checks._check_permissions().code.name)
        self.cluster.access.rules = role()['rules'][1:]
        result = checks._check_permissions()
        self.assertEqual('FAILURE', result.code.name)
        self.assertIn('may not: list pods, watch pods, ', result.details)
        self.assertIn('Apply the Role of this release', result.details)
        self.cluster.access.tokens.clear()
        result = checks._check_permissions()
        self.assertEqual('FAILURE', result.code.name)
        self.assertIn('The permissions cannot be checked', result.details)

    def test_without_resize(self):
        self.cluster.service.without = ('pods/resize',)
        driver = self.make_driver()
        driver.ensure_pool(orchestrators.RuntimeSpec('r', self.images[0]))
        self.ping(
            driver.claim('r', test_orchestrator.FUNCTION,
                         test_orchestrator.LIMITS))
        driver.close()
        self.assertNotIn(('', 'pods/resize', 'patch'), self.cluster.rules())
