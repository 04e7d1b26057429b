# SPDX-License-Identifier: Apache-2.0
"""Tests of reachability by the policies of the manifests."""

from kubernetes import client
from oslotest import base

from qinling import conf as qinling_conf
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import network
from qinling.tests.unit.deploy import charts
from qinling.tests.unit.deploy import manifests
from qinling.tests.unit.deploy import reach

API = reach.pod('qinling', name='qinling', component='api')
ENGINE = reach.pod('qinling', name='qinling', component='engine')
MIGRATION = reach.pod('qinling', name='qinling', component='migration')
MARIADB = reach.pod('qinling', name='mariadb')
RABBITMQ = reach.pod('qinling', name='rabbitmq')
WORKER = {'namespace': 'qinling-workers', 'address': reach.POD,
          'labels': {**labels.MANAGED, labels.STATE: labels.CLAIMED}}
IMAGE = dict(WORKER, labels={**labels.MANAGED, labels.STATE: labels.IMAGE})
METADATA = reach.machine('169.254.169.254')
PROXY = reach.pod('ingress', name='proxy')
NAMES = reach.pod('kube-system', name='dns')
CLUSTER = reach.machine('10.0.0.1')
OUTSIDE = reach.machine('192.0.2.7')
INTERNET = reach.machine('1.1.1.1')
CLUSTER_NAMES = {'namespace': 'kube-system', 'address': reach.POD,
                 'labels': {'k8s-app': 'kube-dns'}}


class Base(base.BaseTestCase):

    overlay = None

    def setUp(self):
        super().setUp()
        self.policies = manifests.of_kind(
            manifests.written(manifests.DIRECTORY / self.overlay),
            'NetworkPolicy')

    def reaches(self, source, target, port, protocol='TCP'):
        self.assertTrue(reach.allowed(self.policies, source, target, port,
                                      protocol), (source, target, port))

    def misses(self, source, target, port, protocol='TCP'):
        self.assertFalse(reach.allowed(self.policies, source, target, port,
                                       protocol), (source, target, port))


class ControlPlaneTest(Base):

    overlay = 'base'

    def test_api_is_open_except_to_workers(self):
        self.reaches(PROXY, API, 7070)
        self.misses(PROXY, API, 9090)
        self.misses(WORKER, API, 7070)
        self.misses(OUTSIDE, API, 7070)

    def test_engines_accept_connections_of_the_control_plane_only(self):
        # An engine that cannot call a silent engine takes it for dead.
        for source in (API, ENGINE):
            self.reaches(source, ENGINE, 7071)
        for source in (PROXY, WORKER, OUTSIDE, MIGRATION):
            self.misses(source, ENGINE, 7071)
        for source in (PROXY, API, WORKER, OUTSIDE):
            for port in (80, 443, 7070, 9090):
                self.misses(source, ENGINE, port)

    def test_engines_call_workers(self):
        self.reaches(ENGINE, dict(WORKER, namespace='elsewhere'), 443)
        self.misses(ENGINE, dict(WORKER, namespace='elsewhere'), 9090)
        self.misses(API, WORKER, 9090)
        self.misses(MIGRATION, WORKER, 9090)
        self.misses(ENGINE, WORKER, 22)

    def test_egress_of_engines_to_workers(self):
        # The other half is the policy that the driver makes.
        ours = [policy for policy in self.policies
                if policy['metadata']['namespace'] == 'qinling']
        self.assertTrue(reach.allowed(ours, ENGINE, WORKER, 9090))

    def test_workers_are_closed_before_the_engine_comes(self):
        for source in (PROXY, API, ENGINE, WORKER, OUTSIDE):
            self.misses(source, WORKER, 9090)

    def test_engines_call_kubernetes(self):
        for port in (443, 6443):
            self.reaches(ENGINE, CLUSTER, port)
            self.misses(API, CLUSTER, port)
            self.misses(MIGRATION, CLUSTER, port)

    def test_name_resolution_is_allowed(self):
        for source in (API, ENGINE, MIGRATION):
            for protocol in ('TCP', 'UDP'):
                self.reaches(source, NAMES, 53, protocol)
                self.misses(source, OUTSIDE, 53, protocol)

    def test_connections(self):
        for source in (API, ENGINE, MIGRATION):
            for port in (3306, 5432, 5671, 5672):
                self.reaches(source, OUTSIDE, port)
            for port in (22, 80):
                self.misses(source, OUTSIDE, port)

    def test_unlisted_ports_are_closed(self):
        stranger = reach.pod('qinling', name='stranger')
        self.misses(stranger, OUTSIDE, 443)
        self.misses(PROXY, stranger, 80)


class ChartTest(ControlPlaneTest):
    """The same tests of the policies in the chart."""

    def setUp(self):
        super().setUp()
        self.policies = manifests.of_kind(charts.render(charts.VALUES),
                                          'NetworkPolicy')


class DemoTest(Base):

    overlay = 'overlays/demo'

    def test_database_and_bus_are_for_qinling(self):
        for target, port in ((MARIADB, 3306), (RABBITMQ, 5672)):
            for source in (API, ENGINE, MIGRATION):
                self.reaches(source, target, port)
                self.misses(source, target, 22)
            for source in (PROXY, WORKER, OUTSIDE):
                self.misses(source, target, port)
            self.misses(target, OUTSIDE, 443)


class WorkersTest(Base):
    """Policies created by engines."""

    overlay = 'overlays/demo'

    def setUp(self):
        super().setUp()
        self.conf = qinling_conf.load(
            files=[str(manifests.BASE / 'qinling.conf')])
        self.manifests = list(self.policies)
        self.make()

    def make(self):
        """Build the policies with the current options."""
        plain = client.ApiClient().sanitize_for_serialization
        policies = [plain(policy) for policy in network.create_policies(
            self.conf, 'https://10.0.0.1:443')]
        for policy in policies:
            policy['metadata']['namespace'] = self.conf.kubernetes.namespace
        self.policies = self.manifests + policies

    def test_workers_accept_only_engines(self):
        self.reaches(ENGINE, WORKER, 9090)
        self.misses(ENGINE, WORKER, 22)
        for source in (API, MIGRATION, PROXY, WORKER, IMAGE, OUTSIDE):
            self.misses(source, WORKER, 9090)

    def test_image_functions_accept_no_connections(self):
        for source in (ENGINE, WORKER, OUTSIDE):
            self.misses(source, IMAGE, 9090)

    def test_functions_do_not_reach_the_control_plane(self):
        for source in (WORKER, IMAGE):
            self.misses(source, API, 7070)
            self.misses(source, ENGINE, 9090)
            self.misses(source, MARIADB, 3306)
            self.misses(source, RABBITMQ, 5672)
            self.misses(source, METADATA, 80)

    def test_functions_reach_only_the_name_service(self):
        for source in (WORKER, IMAGE):
            for target in (INTERNET, CLUSTER, OUTSIDE):
                self.misses(source, target, 443)
            self.reaches(source, CLUSTER_NAMES, 53, 'UDP')

    def test_functions_use_the_internet(self):
        self.conf.set_override('allow_egress', True, 'kubernetes')
        self.make()
        for source in (WORKER, IMAGE):
            self.reaches(source, INTERNET, 443)
            for target, port in ((CLUSTER, 443), (METADATA, 80),
                                 (MARIADB, 3306), (ENGINE, 9102)):
                self.misses(source, target, port)

    def test_single_destinations(self):
        self.conf.set_override('egress_cidrs', ['10.0.0.1/32:5432'],
                               'kubernetes')
        self.make()
        self.reaches(WORKER, CLUSTER, 5432)
        self.misses(WORKER, CLUSTER, 443)

    def test_destinations_of_a_runtime(self):
        self.conf.set_override('runtime_egress', ['r-1 10.0.0.1/32:5432'],
                               'kubernetes')
        self.make()
        member = dict(WORKER, labels={**WORKER['labels'],
                                      labels.RUNTIME: 'r-1'})
        self.reaches(member, CLUSTER, 5432)
        self.misses(member, CLUSTER, 443)
        self.misses(WORKER, CLUSTER, 5432)
