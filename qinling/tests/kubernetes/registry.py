# SPDX-License-Identifier: Apache-2.0
"""Verbs of the API: check, fill in, store and remove objects."""

import datetime
import uuid

from qinling.tests.kubernetes import admission
from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import names
from qinling.tests.kubernetes import pods
from qinling.tests.kubernetes import resources
from qinling.tests.kubernetes import schema
from qinling.tests.kubernetes import store as stores
from qinling.tests.kubernetes import workloads

#: Metadata that belongs to the server.
SYSTEM = ('uid', 'creationTimestamp', 'deletionTimestamp', 'generation',
          'deletionGracePeriodSeconds', 'generateName', 'name', 'namespace',
          'resourceVersion', 'selfLink', 'managedFields')
FINALIZERS = {'Foreground': 'foregroundDeletion', 'Orphan': 'orphan'}
FIRST_STATUS = {'namespaces': {'phase': 'Active'},
                'replicasets': {'replicas': 0}}
#: Kinds whose deletion answers with the object.
SHOWN_WHEN_DELETED = {'pods', 'resourcequotas', 'serviceaccounts'}


class Registry:
    """All verbs over one :class:`.store.Store`."""

    def __init__(self, store):
        self.store = store
        self.admission = admission.Admission(store)

    def get(self, resource, namespace, name):
        """Return an object.

        :raises ApiError: 404.
        """
        value = self.store.get(resource, namespace, name)
        if value is None:
            raise errors.not_found(resource, name)
        return value

    def create(self, resource, namespace, value, strict=True, dry_run=False):
        """Store and return a new object."""
        value = schema.read(resource, value, strict)
        metadata = value['metadata']
        if resource.namespaced:
            self._in_namespace(metadata, namespace)
        if metadata.get('resourceVersion'):
            raise errors.bad_request('resourceVersion should not be set on '
                                     'objects to be created')
        for name in SYSTEM:
            if name not in ('generateName', 'name', 'namespace'):
                metadata.pop(name, None)
        with self.store.changed:
            self._name(resource, metadata)
            _prepare(resource, value, None)
            metadata.update(uid=str(uuid.uuid4()),
                            creationTimestamp=names.now())
            if resource is resources.PODS:
                pods.admit(value)
            elif resource.has_status:
                value['status'] = dict(FIRST_STATUS.get(resource.plural, {}))
            if 'spec' in value:
                metadata['generation'] = 1
            self.admission.create(resource, value)
            if self.store.get(resource, namespace, metadata['name']):
                raise errors.already_exists(resource, metadata['name'])
            return value if dry_run else self.store.put(resource, value)

    def _name(self, resource, metadata):
        while not metadata.get('name') and metadata.get('generateName'):
            name = names.generated(metadata['generateName'])
            if not self.store.get(resource, metadata.get('namespace'), name):
                metadata['name'] = name

    def _in_namespace(self, metadata, namespace):
        present = metadata.setdefault('namespace', namespace)
        if present != namespace:
            raise errors.bad_request(
                'the namespace of the provided object does not match the '
                'namespace sent on the request')

    def change(self, resource, namespace, name, edit, **options):
        """Store a changed object.

        :param edit: a function that changes a copy of the object, or returns
            another object.
        :param options: the changed ``subresource``, ``strict`` and
            ``dry_run``.
        :returns: the object after the change.
        """
        subresource = options.get('subresource')
        with self.store.changed:
            old = self.get(resource, namespace, name)
            value = stores.copy(old)
            value = edit(value) or value
            value = schema.read(resource, value, options.get('strict', True))
            _check_identity(resource, old, value)
            value = _confine(resource, old, value, subresource)
            if subresource is None:
                _prepare(resource, value, old)
            elif subresource == 'resize':
                self._resize(old, value)
            if value == old:
                return old
            if value.get('spec') != old.get('spec'):
                value['metadata']['generation'] = old['metadata'].get(
                    'generation', 0) + 1
            if options.get('dry_run'):
                return value
            if _finished(value):
                return self.store.remove(resource, namespace, name)
            return self.store.put(resource, value)

    def _resize(self, old, value):
        causes = errors.Causes()
        pods.check_resize(causes, old['spec'], value['spec'])
        causes.check(resources.PODS, value['metadata']['name'])
        self.admission.resize(old, value)

    def delete(self, resource, namespace, name, options=None):
        """Remove an object, or mark the object for its finalizers.

        :param options: a ``DeleteOptions`` as a dict.
        :returns: the answer of the server.
        """
        options = options or {}
        with self.store.changed:
            old = self.get(resource, namespace, name)
            _check_preconditions(resource, old, options)
            if options.get('dryRun'):
                return old
            value = stores.copy(old)
            grace = _grace(resource, value, options)
            _finalize(resource, value, options)
            metadata = value['metadata']
            waits = grace or metadata.get('finalizers') \
                or resource is resources.NAMESPACES
            if not waits:
                removed = self.store.remove(resource, namespace, name)
                return _deleted(resource, removed)
            if 'deletionTimestamp' not in metadata:
                metadata['generation'] = metadata.get('generation', 0) + 1
                _mark(metadata, grace)
            elif grace < metadata.get('deletionGracePeriodSeconds', 0):
                _mark(metadata, grace)
            if resource is resources.NAMESPACES:
                value['status']['phase'] = 'Terminating'
            return old if value == old else self.store.put(resource, value)


def _prepare(resource, value, old):
    """Fill in defaults and check the object."""
    causes = errors.Causes()
    metadata = value['metadata']
    if resource.plural in workloads.NEED_SPEC and 'spec' not in value:
        causes.required('spec')
    else:
        workloads.DEFAULTS.get(resource.plural, lambda _value: None)(value)
        names.check(causes, resource, metadata)
        workloads.CHECKS.get(resource.plural, lambda *_all: None)(
            causes, value, old)
    causes.check(resource, metadata.get('name', ''))


def _check_identity(resource, old, value):
    before, after = old['metadata'], value['metadata']
    for name, error in (('name', 'name'), ('namespace', 'namespace')):
        if after.setdefault(name, before.get(name)) != before.get(name):
            raise errors.bad_request(
                f'the {error} of the object ({after[name]}) does not match '
                f'the {error} on the URL ({before.get(name)})')
    if after['namespace'] is None:
        del after['namespace']
    version = after.get('resourceVersion')
    if version and version != before['resourceVersion']:
        raise errors.conflict(resource, before['name'])
    if after.get('uid', before['uid']) != before['uid']:
        raise errors.conflict(
            resource, before['name'], 'Precondition failed: UID in '
            f'precondition: {after["uid"]}, UID in object meta: '
            f'{before["uid"]}')


def _confine(resource, old, value, subresource):
    """Return the object with only the changes allowed to the request."""
    if subresource == 'status':
        return dict(old, status=value.get('status', {}))
    if subresource == 'resize':
        return dict(old, spec=value['spec'],
                    metadata=stores.copy(old['metadata']))
    for name in SYSTEM:
        value['metadata'].pop(name, None)
        if name in old['metadata']:
            value['metadata'][name] = old['metadata'][name]
    if resource.has_status:
        value['status'] = old.get('status', {})
    return value


def _finished(value):
    """Return whether the last finalizer of a deleted object has gone."""
    metadata = value['metadata']
    return ('deletionTimestamp' in metadata
            and not metadata.get('finalizers')
            and not metadata.get('deletionGracePeriodSeconds')
            and value['kind'] != 'Namespace')


def _check_preconditions(resource, old, options):
    metadata = old['metadata']
    for name, label in (('uid', 'UID'),
                        ('resourceVersion', 'ResourceVersion')):
        expected = options.get('preconditions', {}).get(name)
        if expected and expected != metadata[name]:
            raise errors.conflict(
                resource, metadata['name'],
                f'Precondition failed: {label} in precondition: {expected}, '
                f'{label} in object meta: {metadata[name]}')


def _grace(resource, value, options):
    """Return the grace period of an object in seconds."""
    if resource is not resources.PODS:
        return 0
    if not value['spec'].get('nodeName') \
            or value['status'].get('phase') in admission.ENDED:
        return 0
    grace = options.get('gracePeriodSeconds')
    if grace is None:
        grace = value['spec']['terminationGracePeriodSeconds']
    return max(grace, 0)


def _finalize(resource, value, options):
    """Note the deletion policy for dependents."""
    policy = options.get('propagationPolicy')
    if options.get('orphanDependents'):
        policy = 'Orphan'
    if policy not in (None, 'Background', *FINALIZERS):
        causes = errors.Causes()
        causes.unsupported('propagationPolicy', policy,
                           ('Foreground', 'Background', 'Orphan', 'nil'))
        causes.check(resource, value['metadata']['name'])
    if policy in FINALIZERS and resource is not resources.NAMESPACES:
        finalizers = value['metadata'].setdefault('finalizers', [])
        if FINALIZERS[policy] not in finalizers:
            finalizers.append(FINALIZERS[policy])


def _mark(metadata, grace):
    when = datetime.datetime.now(datetime.UTC) + datetime.timedelta(
        seconds=grace)
    metadata['deletionTimestamp'] = names.text_of(when)
    metadata['deletionGracePeriodSeconds'] = grace


def _deleted(resource, value):
    if resource.plural in SHOWN_WHEN_DELETED:
        return value
    return {'kind': 'Status', 'apiVersion': 'v1', 'metadata': {},
            'status': 'Success', 'details': {
                'name': value['metadata']['name'], 'kind': resource.plural,
                'uid': value['metadata']['uid'],
                **({'group': resource.group} if resource.group else {})}}
