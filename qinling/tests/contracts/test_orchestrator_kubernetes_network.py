# SPDX-License-Identifier: Apache-2.0
"""Tests of the policies in a cluster, and of the probe of enforcement."""

from oslotest import base

from qinling.cmd import status
from qinling import exception
from qinling.orchestrators import base as orchestrators
from qinling.orchestrators.kubernetes import enforcement
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import network
from qinling.tests.contracts import kubernetes_drivers
from qinling.tests.contracts import test_orchestrator
from qinling.tests.kubernetes import resources


class TestProbe(kubernetes_drivers.Troubled, base.BaseTestCase):

    def make_pool(self, enforces, mode='report'):
        self.kubelet.enforces_policies = enforces
        return super().make_pool(network_policy_probe=mode)

    def result(self, driver):
        return driver.describe()['network policies']

    def read_annotation(self):
        policy = self.cluster.store.get(
            resources.NETWORK_POLICIES, self.cluster.namespace,
            network.DEFAULT)
        return policy['metadata'].get('annotations', {}).get(
            labels.ENFORCEMENT)

    def await_result(self, driver, expected):
        self.wait_until(lambda: self.result(driver) == expected)
        self.wait_until(lambda: self.read_annotation() == expected)
        # The pod is removed.
        self.wait_until(lambda: not self.pods(labels.IMAGE))

    def test_enforced(self):
        driver = self.make_pool(True)
        self.await_result(driver, 'enforced')

    def test_addresses_in_any_form(self):
        self.make_driver(
            engine_cidrs=['10.0.0.1', '10.0.1.7/24', 'fd00::0:5'],
            egress_cidrs=['10.0.2.7/24:443', '[fd00::0:7]:443'],
            blocked_cidrs=['1.2.3.4', '2600::7/64'], allow_egress=True,
            ).pools()
        policies = {policy['metadata']['name']: policy['spec'] for policy in
                    self.cluster.store.list(resources.NETWORK_POLICIES)}
        rule, = policies['qinling-engines']['ingress']
        self.assertEqual(
            ['10.0.0.1/32', '10.0.1.0/24', 'fd00::5/128'],
            [peer['ipBlock']['cidr'] for peer in rule['from'][1:]])

    def test_not_enforced(self):
        driver = self.make_pool(False)
        self.await_result(driver, 'not enforced by the cluster')
        # Without the option, functions run all the same, with a network.
        self.ping(self.claim(driver))
        run = orchestrators.ImageRun('e', 'f', 'example/echo:1', (), 100,
                                     64 << 20, 10, 1000, offline=True)
        for action, argument in ((driver.run_image, run), (
                lambda limits: driver.claim(
                    kubernetes_drivers.RUNTIME, test_orchestrator.FUNCTION,
                    limits), test_orchestrator.OFFLINE)):
            error = self.assertRaises(exception.PermanentError, action,
                                      argument)
            self.assertIn('cannot be without a network here', str(error))

    def test_other_programs_read_the_result(self):
        self.assertIn('not found', self.result(self.make_driver()))
        self.await_result(self.make_pool(True), 'enforced')
        stranger = self.make_driver()
        self.wait_until(lambda: self.result(stranger) == 'enforced')

    def test_upgrade_check(self):
        conf = kubernetes_drivers.configuration(
            self.cluster.kubeconfig, self.cluster.namespace)
        conf.set_override('orchestrator', 'kubernetes', group='engine')
        checks = status.Checks(conf)
        for enforces, code, text in (
                (False, 'WARNING', 'network policies: not enforced'),
                (True, 'SUCCESS', 'network policies: enforced')):
            driver = self.make_pool(enforces, 'require' if enforces
                                    else 'report')
            self.await_result(
                driver, 'enforced' if enforces else
                'not enforced by the cluster')
            result = checks._check_isolation()
            self.assertEqual(code, result.code.name)
            self.assertIn(text, result.details)

    def test_unprobed(self):
        driver = self.make_pool(True, 'off')
        self.assertEqual('not probed yet', self.result(driver))
        self.assertEqual(set(), self.pods(labels.IMAGE))

    def test_required(self):
        driver = self.make_pool(True, 'require')
        self.ping(self.claim(driver))

    def test_required_without_enforcement(self):
        self.kubelet.enforces_policies = False
        driver = self.make_driver(network_policy_probe='require')
        for action in (self.ensure, self.claim):
            error = self.assertRaises(exception.PermanentError, action,
                                      driver)
            self.assertIn('does not enforce network policies', str(error))
        run = orchestrators.ImageRun('e', 'f', 'example/echo:1', (), 100,
                                     64 << 20, 10, 1000)
        self.assertRaises(exception.PermanentError, driver.run_image, run)

    def test_required_before_the_result(self):
        self.make_pool(True, 'off')
        driver = self.make_driver(network_policy_probe='require')
        error = self.assertRaises(exception.TemporaryError, self.claim,
                                  driver)
        self.assertIn('not known yet', str(error))

    def test_a_worker_that_is_not_ready_is_no_proof(self):
        driver = self.make_pool(True, 'off')
        self.kubelet.never_ready(self.images[0])
        self.wait_until(lambda: not driver.pools()[
            kubernetes_drivers.RUNTIME].available)
        probe = enforcement.Enforcement(
            driver._api, driver._view, driver._images, 'require')
        probe.start(orchestrators.RuntimeSpec(
            kubernetes_drivers.RUNTIME, self.images[0]))
        self.assertRaises(exception.TemporaryError, probe.check)


class TestPolicies(kubernetes_drivers.StandIn, base.BaseTestCase):

    def policies(self, **options):
        driver = self.make_driver(**options)
        driver.pools()
        return {policy['metadata']['name']: policy['spec']
                for policy in self.cluster.store.list(
                    resources.NETWORK_POLICIES, self.cluster.namespace)}

    def test_policies_follow_the_options(self):
        runtime = ['r-1 10.1.0.0/16', 'r-2 10.2.0.5/32:5432']
        first = self.policies(runtime_egress=runtime)
        self.assertEqual(
            {'qinling-default', 'qinling-engines', 'qinling-offline',
             'qinling-egress-r-1', 'qinling-egress-r-2'}, set(first))
        second = self.policies(runtime_egress=runtime[:1],
                               allow_egress=True)
        self.assertEqual(
            {'qinling-default', 'qinling-engines', 'qinling-offline',
             'qinling-egress-r-1'}, set(second))
        self.assertGreater(len(second['qinling-default']['egress']),
                           len(first['qinling-default']['egress']))

    def test_malformed_options(self):
        for option, value in (
                ('egress_cidrs', ['10.0.0.0/33']),
                ('egress_cidrs', ['10.0.0.1:70000']),
                ('egress_cidrs', ['10.0.0.1:']),
                ('egress_cidrs', ['[fd00::1]']),
                ('egress_cidrs', ['[fd00::1]:0']),
                ('runtime_egress', ['r-1 everywhere'])):
            error = self.assertRaises(
                exception.PermanentError, self.policies, **{option: value})
            self.assertIn(f'[kubernetes] {option} has the value', str(error))
