# SPDX-License-Identifier: Apache-2.0
"""An administrator of another project, at every route of one thing."""

from qinling.tests.unit.api import test_policy_walk

VERSION = '/v1/functions/{id}/versions/{version}'
#: What only the project itself may do; anything else reaches the thing.
REFUSED = {
    ('DELETE', '/v1/functions/{id}'): 403,
    ('POST', '/v1/functions/{id}/versions'): 404,
    ('DELETE', VERSION): 404,
    ('PUT', '/v1/webhooks/{id}'): 404,
    ('POST', '/v1/webhooks/{id}/secret'): 404,
    ('DELETE', '/v1/webhooks/{id}/secret'): 404,
    # A name is one of the caller's project.
    ('GET', '/v1/aliases/{name}'): 404,
    ('PUT', '/v1/aliases/{name}'): 404,
    ('DELETE', '/v1/aliases/{name}'): 404,
    ('GET', '/v1/aliases/{name}/history'): 404,
    ('GET', '/v1/aliases/{name}/references'): 404,
    ('POST', '/v1/aliases/{name}/rollback'): 404,
    # One that is not public.
    ('GET', '/v1/runtimes/{id}'): 404,
    ('PUT', '/v1/runtimes/{id}'): 404,
    ('DELETE', '/v1/runtimes/{id}'): 404,
}
#: It still runs, so that it cannot be run again.
RUNS = ('POST', '/v1/executions/{id}/rerun')


class TestForeignAdmin(test_policy_walk.WalkTest):
    def test_every_route(self):
        refused = {}
        one = [route for route in self.routes
               if '{' in route.path and not route.public]
        for route in sorted(one, key=lambda route: (
                route.method == 'DELETE', route.path.count('/'))):
            key = route.method, route.path
            if key == RUNS:
                continue
            answer = self.ask(route, 'theirs', 'admin')
            if answer.status_int >= 400:
                self.check_fault(answer)
                refused[key] = answer.status_int
        self.assertEqual(REFUSED, refused)

    def test_what_has_not_ended(self):
        route, = [route for route in self.routes
                  if (route.method, route.path) == RUNS]
        answer = self.ask(route, 'theirs', 'admin')
        self.assertEqual(409, answer.status_int)
