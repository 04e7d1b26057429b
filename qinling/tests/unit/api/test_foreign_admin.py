# SPDX-License-Identifier: Apache-2.0
"""Requests of an administrator to the resources of another project."""

from qinling.tests.unit.api import test_policy_walk

VERSION = '/v1/functions/{id}/versions/{version}'
#: Routes for the owning project only; administrators reach all others.
REFUSED = {
    ('DELETE', '/v1/functions/{id}'): 403,
    ('POST', '/v1/functions/{id}/versions'): 404,
    ('DELETE', VERSION): 404,
    ('PUT', '/v1/webhooks/{id}'): 404,
    ('POST', '/v1/webhooks/{id}/secret'): 404,
    ('DELETE', '/v1/webhooks/{id}/secret'): 404,
    # Names are resolved in the project of the caller.
    ('GET', '/v1/aliases/{name}'): 404,
    ('PUT', '/v1/aliases/{name}'): 404,
    ('DELETE', '/v1/aliases/{name}'): 404,
    ('GET', '/v1/aliases/{name}/history'): 404,
    ('GET', '/v1/aliases/{name}/references'): 404,
    ('GET', '/v1/aliases/{name}/stats'): 404,
    ('POST', '/v1/aliases/{name}/explain'): 404,
    ('POST', '/v1/aliases/{name}/replay'): 404,
    ('POST', '/v1/aliases/{name}/rollback'): 404,
    ('GET', '/v1/aliases/{name}/rollout'): 404,
    ('POST', '/v1/aliases/{name}/rollout'): 404,
    ('POST', '/v1/aliases/{name}/rollout/pause'): 404,
    ('POST', '/v1/aliases/{name}/rollout/resume'): 404,
    ('POST', '/v1/aliases/{name}/rollout/promote'): 404,
    ('POST', '/v1/aliases/{name}/rollout/abort'): 404,
    # A private runtime.
    ('GET', '/v1/runtimes/{id}'): 404,
    ('PUT', '/v1/runtimes/{id}'): 404,
    ('DELETE', '/v1/runtimes/{id}'): 404,
}
#: The execution still runs and cannot run again.
RERUN = ('POST', '/v1/executions/{id}/rerun')
#: Routes that depend on what earlier requests did to the status.
DEPENDENT = {RERUN, ('DELETE', '/v1/dead_letters/{id}'),
             ('POST', '/v1/operations/{id}/pause'),
             ('POST', '/v1/operations/{id}/resume')}


class TestForeignAdmin(test_policy_walk.WalkTest):
    def test_owners_only_routes_are_refused(self):
        refused = {}
        routes = [route for route in self.routes
                  if '{' in route.path and not route.public]
        for route in sorted(routes, key=lambda route: (
                route.method == 'DELETE', route.path.count('/'))):
            key = route.method, route.path
            if key in DEPENDENT:
                continue
            answer = self.send_request(route, 'theirs', 'admin')
            if answer.status_int >= 400:
                self.check_fault(answer)
                refused[key] = answer.status_int
        self.assertEqual(REFUSED, refused)

    def test_running_executions_cannot_be_rerun(self):
        route, = [route for route in self.routes
                  if (route.method, route.path) == RERUN]
        answer = self.send_request(route, 'theirs', 'admin')
        self.assertEqual(409, answer.status_int)
