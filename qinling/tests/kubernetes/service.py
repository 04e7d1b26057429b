# SPDX-License-Identifier: Apache-2.0
"""Answers to the verbs of the API."""

import orjson

from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import patches
from qinling.tests.kubernetes import proxy
from qinling.tests.kubernetes import reading
from qinling.tests.kubernetes import resources
from qinling.tests.kubernetes import routes
from qinling.tests.kubernetes import scales
from qinling.tests.kubernetes import schema

OPTIONS = {'gracePeriodSeconds': int, 'propagationPolicy': str,
           'orphanDependents': bool}
DELETE_OPTIONS = resources.Resource('', 'v1', '', 'DeleteOptions',
                                    'V1DeleteOptions')


class Raw:
    """Answer in another format than JSON."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body


class Service:
    """Handler of authorized requests.

    :param registry: a :class:`.registry.Registry`.
    :param access: an :class:`.access.Access`.
    :param disruptions: function for evictions, of namespace, name and delete
        options.
    :param logs: function for logs, of a pod and a query.
    :param without: subresources to leave out.
    """

    def __init__(self, registry, access, disruptions, logs, without=()):
        self.registry = registry
        self.access = access
        self.without = without
        self.compacted_as_status = False
        self._disruptions = disruptions
        self._logs = logs

    def answer(self, request, verb, target):
        """Return (status, answer): an object, :class:`Raw`, or an iterator of
        watch events."""
        if target.path in self.without:
            raise errors.no_page()
        if target.subresource:
            answer = getattr(self, '_' + target.subresource)
        else:
            answer = getattr(self, f'_do_{verb}')
        return answer(request, verb, target)

    def _do_get(self, _request, _verb, target):
        namespace = target.resource.namespaced and target.namespace
        return 200, self.registry.get(target.resource, namespace,
                                      target.name)

    def _do_list(self, request, _verb, target):
        return 200, reading.list_of(self.registry.store,
                                    _selection(request, target))

    def _do_watch(self, request, _verb, target):
        store = self.registry.store
        selection = _selection(request, target)
        version = reading.version_of(request.query)
        if self.compacted_as_status and version and (
                store.since(version) is None):
            raise errors.expired(f'too old resource version: {version}')
        return 200, reading.watch(store, selection)

    def _do_create(self, request, _verb, target):
        if target.resource is resources.ACCESS_REVIEWS:
            return 201, self._review(request)
        return 201, self.registry.create(
            target.resource, target.namespace, request.json(),
            **_options(request))

    def _do_update(self, request, verb, target):
        return self._change(request, verb, target, None)

    _do_patch = _do_update

    def _change(self, request, verb, target, subresource):
        namespace = target.namespace if target.resource.namespaced else ''
        return 200, self.registry.change(
            target.resource, namespace, target.name, _edit(request, verb),
            subresource=subresource, **_options(request))

    def _do_delete(self, request, _verb, target):
        namespace = target.namespace if target.resource.namespaced else ''
        return 200, self.registry.delete(target.resource, namespace,
                                         target.name, _delete_options(request))

    def _do_deletecollection(self, request, _verb, target):
        selection = _selection(request, target)
        options = _delete_options(request)
        store = self.registry.store
        with store.changed:
            values = [value for value in store.list(
                target.resource, target.namespace) if selection.has(value)]
            for value in values:
                self.registry.delete(target.resource, target.namespace,
                                     value['metadata']['name'], options)
            return 200, {
                'kind': f'{target.resource.kind}List', 'apiVersion':
                target.resource.api_version, 'metadata': {
                    'resourceVersion': str(store.version)}, 'items': values}

    def _status(self, request, verb, target):
        if verb == 'get':
            return self._do_get(request, verb, target)
        return self._change(request, verb, target, 'status')

    def _resize(self, request, verb, target):
        if verb == 'get':
            return self._do_get(request, verb, target)
        return self._change(request, verb, target, 'resize')

    def _scale(self, request, verb, target):
        value = self.registry.get(target.resource, target.namespace,
                                  target.name)
        if verb != 'get':
            edit = _edit(request, verb)

            def write(present):
                scale = scales.read(present)
                scales.write(present, edit(scale) or scale)

            value = self.registry.change(
                target.resource, target.namespace, target.name, write,
                **_options(request))
        return 200, scales.read(value)

    def _log(self, request, _verb, target):
        pod = self.registry.get(target.resource, target.namespace,
                                target.name)
        return 200, Raw(200, {'Content-Type': 'text/plain'},
                        self._logs(pod, request.query))

    def _eviction(self, request, _verb, target):
        body = request.json()
        if body.get('metadata', {}).get('name', target.name) != target.name:
            raise errors.bad_request('name in URL does not match name in '
                                     'Eviction object')
        self._disruptions(target.namespace, target.name,
                          body.get('deleteOptions'))
        return 201, {'kind': 'Status', 'apiVersion': 'v1', 'metadata': {},
                     'status': 'Success', 'code': 201}

    def _proxy(self, request, _verb, target):
        _scheme, name, port = proxy.split(target.name)
        pod = self.registry.get(target.resource, target.namespace, name)
        path = target.rest + ('?' + request.raw_query
                              if request.raw_query else '')
        status, headers, body = proxy.forward(
            proxy.address(pod, port), request.method, path, request.headers,
            request.body)
        return status, Raw(status, headers, body)

    def _review(self, request):
        review = request.json()
        attributes = review.get('spec', {}).get('resourceAttributes', {})
        resource = next((candidate for candidate in resources.ALL
                         if (candidate.group, candidate.plural)
                         == (attributes.get('group', ''),
                             attributes.get('resource'))), None)
        allowed = resource is not None and self.access.allows(
            request.user, attributes.get('verb', ''), routes.Target(
                resource, attributes.get('namespace', ''),
                attributes.get('name', ''), attributes.get('subresource', '')))
        return dict(review, status={'allowed': allowed})

    def nonresource(self, path):
        """Return the answer beside objects: discovery and health."""
        path = path.rstrip('/')
        if path in ('/healthz', '/livez', '/readyz'):
            return Raw(200, {'Content-Type': 'text/plain'}, b'ok')
        if path == '/version':
            return {'major': '1', 'minor': '36', 'gitVersion': 'v1.36.2',
                    'gitCommit': '', 'gitTreeState': 'clean', 'buildDate':
                    '2026-06-09T00:00:00Z', 'goVersion': 'go1.26.0',
                    'compiler': 'gc', 'platform': 'linux/amd64'}
        if path == '/api':
            return {'kind': 'APIVersions', 'versions': ['v1']}
        if path == '/apis':
            return resources.groups()
        parts = path.strip('/').split('/')
        answer = None
        if parts[0] == 'api' and len(parts) == 2:
            answer = resources.discover('', parts[1], self.without)
        elif parts[0] == 'apis' and len(parts) == 3:
            answer = resources.discover(*parts[1:], self.without)
        elif parts[0] == 'apis' and len(parts) == 2:
            answer = next((dict(group, kind='APIGroup', apiVersion='v1')
                          for group in resources.groups()['groups']
                          if group['name'] == parts[1]), None)
        if answer is None:
            raise errors.no_page()
        return answer


def _selection(request, target):
    namespace = target.namespace if target.resource.namespaced else ''
    return reading.Selection(target.resource, namespace, request.query)


def _options(request):
    dry_run = request.query.get('dryRun')
    if dry_run not in (None, 'All'):
        raise errors.bad_request(f'Invalid value: "{dry_run}": dryRun')
    return {'dry_run': dry_run == 'All',
            'strict': request.query.get('fieldValidation') not in (
                'Ignore', 'Warn')}


def _edit(request, verb):
    """Return a function with the effect of a request on an object."""
    if verb == 'update':
        return lambda _old: request.json()
    apply = patches.KINDS.get(request.kind)
    if apply is None:
        raise errors.unsupported_media(patches.KINDS)
    patch = request.json(request.kind)
    if apply is not patches.json_patch and not isinstance(patch, dict):
        raise errors.bad_request('error decoding patch: json: cannot '
                                 'unmarshal array into an object')
    return lambda old: apply(old, patch)


def _delete_options(request):
    options = {}
    if request.body:
        options = schema.read(DELETE_OPTIONS, request.json())
    for name, kind in OPTIONS.items():
        if name in request.query:
            text = request.query[name]
            try:
                options[name] = text == 'true' if kind is bool else kind(text)
            except ValueError as error:
                raise errors.bad_request(f'{name}: {error}') from error
    if 'dryRun' in request.query:
        options['dryRun'] = [request.query['dryRun']]
    return options


def decode(body):
    """Return the JSON of a body.

    :raises ApiError: the body is not JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise errors.bad_request(
            f'the object provided is unrecognized: {error}') from error
