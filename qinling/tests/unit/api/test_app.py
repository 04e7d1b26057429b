# SPDX-License-Identifier: Apache-2.0
"""Routing and error answers of the application."""

from oslo_db import exception as db_exc
import webob

from qinling.api import app
from qinling.api import root
from qinling import exception
from qinling.tests import fixtures
from qinling.tests.unit.api import cases

SECRET = 'the secret of the service'


class TestRouting(cases.ApiTest):
    def test_unknown_paths_return_404(self):
        for path in ('/v2', '/v1/nothing', '/v1/functions/x/y',
                     '/v1/functions/x/y/z', '/nothing', '/v1/runtimes.json',
                     '/v1/functions/%s/versions/1/nothing' % cases.UNKNOWN_ID,
                     '/favicon.ico', '/../etc/passwd'):
            self.fault(404, 'There is nothing at', 'GET', path)

    def test_unsupported_methods_return_405(self):
        for path, allowed in (
                ('/', 'GET'), ('/v1', 'GET'), ('/v1/runtimes', 'GET, POST'),
                (f'/v1/runtimes/{cases.UNKNOWN_ID}', 'DELETE, GET, PUT'),
                (f'/v1/executions/{cases.UNKNOWN_ID}', 'DELETE, GET'),
                (f'/v1/executions/{cases.UNKNOWN_ID}/log', 'GET'),
                (f'/v1/functions/{cases.UNKNOWN_ID}/detach', 'POST')):
            for method in ('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'TRACE',
                           'OPTIONS', 'X-ANY'):
                if method in allowed.split(', '):
                    continue
                answer = self.api.request(method, path)
                self.assertEqual(405, answer.status_int, (method, path))
                self.assertEqual(allowed, ', '.join(sorted(answer.allow)))
                self.check_fault(answer)

    def test_executions_reject_put(self):
        self.fault(405, 'PUT is not possible here', 'PUT',
                   f'/v1/executions/{cases.UNKNOWN_ID}', {})

    def test_extra_slashes_are_ignored(self):
        for path in ('/v1/runtimes', '/v1/functions', '/v1/executions'):
            for variant in (path, path + '/', path + '//', '/' + path):
                self.assertEqual([path.split('/')[-1]],
                                 list(self.call('GET', variant)))

    def test_accept_header(self):
        for accept in ('*/*', 'application/json', 'text/html, */*',
                       'application/xml', 'text/plain', '',
                       'text/html;q=0.1, application/json'):
            self.call('GET', '/v1/runtimes', Accept=accept)
        for path in ('/v1/runtimes', '/', '/v1/functions/x'):
            self.fault(406, 'application/json', 'GET', path,
                       Accept='text/html')

    def test_headers_of_the_old_client(self):
        id = self.api.function().id
        usual = {'User_Agent': 'python-qinlingclient', 'Accept': '*/*',
                 'Accept_Encoding': 'gzip, deflate',
                 'X_Auth_Token': 'notused'}
        for path in ('/v1/runtimes', '/v1/functions', f'/v1/functions/{id}',
                     '/v1/executions'):
            self.call('GET', path, **usual,
                      Content_Type='application/json')
        answer = self.api.request(
            'GET', f'/v1/functions/{id}?download=true', **usual)
        self.assertEqual(fixtures.PACKAGE, answer.body)
        self.assertIsNone(answer.content_encoding)
        self.call('POST', f'/v1/functions/{id}/detach', status=202, **usual)
        self.call('DELETE', f'/v1/functions/{id}', status=204, **usual)

    def test_every_route_is_reachable(self):
        for route in root.Root(self.api.services).routes:
            answer = self.api.request(
                route.route.method, cases.path_of(route))
            self.assertNotIn(answer.status_int, (405, 500))
            self.assertNotIn('There is nothing at', answer.text)

    def test_answers_have_unique_request_ids(self):
        ids = set()
        for path in ('/', '/v1/runtimes', '/v1/functions/x'):
            answer = self.api.request('GET', path)
            ids.add(answer.headers['X-Openstack-Request-Id'])
        self.assertEqual(3, len(ids))

    def test_invalid_utf8_is_refused(self):
        for path in ('/v1/functions/%FF', '/v1/%ED%A0%80',
                     '/v1/executions?description=%FF',
                     '/v1/aliases/%C3%28'):
            self.fault(400, 'UTF-8', 'GET', path)

    def test_nul_characters_are_refused(self):
        # PostgreSQL refuses NUL in any text.
        for path in ('/v1/functions/%00', '/v1/aliases/a%00b',
                     '/v1/executions/%00/log'):
            self.fault(404, 'There is nothing at', 'GET', path)
        for key in ('description', 'status', 'function_id', 'project_id'):
            self.fault(400, 'NUL', 'GET',
                       f'/v1/executions?{key}=a%00b')


class TestFaults(cases.ApiTest):
    """Exceptions behind the API."""

    def request_failing_with(self, error):
        """Return the answer to a request when the core raises."""
        def fail(*_args, **_kwargs):
            raise error
        self.api.services.runtimes.list = fail
        # The description does not name each of these errors.
        return webob.Request.blank('/v1/runtimes').get_response(
            self.api.app)

    def test_internal_errors_hide_details(self):
        for error in (ZeroDivisionError(SECRET), KeyError(SECRET),
                      ValueError(SECRET), OSError(5, SECRET),
                      exception.QinlingError(), TypeError(SECRET),
                      exception.PermanentError(SECRET),
                      db_exc.DBError(SECRET), webob.exc.HTTPServerError(
                          'the fault itself')):
            answer = self.request_failing_with(error)
            self.assertEqual(500, answer.status_int)
            self.check_fault(answer)
            self.assertNotIn(SECRET, str(answer.headers) + answer.text)

    def test_internal_server_error(self):
        self.assertEqual(
            {'faultcode': 'Server', 'debuginfo': None,
             'faultstring': 'Internal server error.'},
            self.request_failing_with(ZeroDivisionError(SECRET)).json)

    def test_temporary_errors_return_503(self):
        for error in (exception.TemporaryError(SECRET),
                      db_exc.DBConnectionError(SECRET),
                      exception.Unavailable(reason='it')):
            answer = self.request_failing_with(error)
            self.assertEqual((503, '1'), (answer.status_int,
                                          answer.headers['Retry-After']))
            self.check_fault(answer)
            self.assertNotIn(SECRET, answer.text)

    def test_client_errors_keep_their_sentence(self):
        for error in (exception.Invalid(reason='it'),
                      exception.Forbidden(reason='it'),
                      exception.NotFound(reason='it'),
                      exception.Conflict(reason='it'),
                      exception.PreconditionFailed(revision='it'),
                      exception.TooLarge(reason='it')):
            answer = self.request_failing_with(error)
            self.assertEqual(error.http_code, answer.status_int)
            self.assertEqual(str(error), answer.json['faultstring'])
            self.check_fault(answer)

    def test_sentences_keep_unicode(self):
        answer = self.request_failing_with(
            exception.Invalid('naïve 😀 "{}" <b>'))
        self.assertEqual('naïve 😀 "{}" <b>', answer.json['faultstring'])

    def test_unidentified_callers_get_401(self):
        def fail(_environ):
            raise exception.Unauthorized()
        self.use(fail)
        self.fault(401, 'valid identity', 'GET', '/v1/runtimes')

    def test_faults_of_the_identification_return_500(self):
        def fail(_environ):
            raise ZeroDivisionError(SECRET)
        self.use(fail)
        answer = self.api.request('GET', '/v1/runtimes')
        self.assertEqual(500, answer.status_int)
        self.check_fault(answer)
        self.assertNotIn(SECRET, answer.text)

    def use(self, identify):
        self.api.app = app.create_app(
            self.api.services, fixtures.Strategy(identify))


class TestNoauth(cases.ApiTest):
    """The strategy ``noauth``."""

    def test_identity_headers_are_ignored(self):
        row = self.call('POST', '/v1/runtimes', {'image': 'i'}, 201,
                        X_Project_Id='other', X_Roles='nobody',
                        X_Auth_Token='notused', X_User_Id='u')
        self.assertEqual('default', row['project_id'])
        self.assertEqual(row, self.call(
            'GET', f'/v1/runtimes/{row["id"]}', X_Project_Id='third'))

    def test_all_operations_are_allowed(self):
        self.call('GET', '/v1/functions?all_projects=true')
        self.engine.answers['pool_capacity'] = {'total': 1, 'available': 1}
        self.call('GET', f'/v1/runtimes/{cases.UNKNOWN_ID}/pool')
