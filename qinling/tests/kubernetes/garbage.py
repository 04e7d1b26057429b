# SPDX-License-Identifier: Apache-2.0
"""What goes with something else: dependents with their owner, and all with
its namespace; also what each namespace has from the start."""

from qinling.tests.kubernetes import admission
from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import registry as registries
from qinling.tests.kubernetes import resources

FOREGROUND = registries.FINALIZERS['Foreground']
ORPHAN = registries.FINALIZERS['Orphan']
OWNABLE = tuple(each for each in resources.STORED if each not in (
    resources.EVENTS, resources.NODES, resources.NAMESPACES))
ADOPTED = {'default': resources.SERVICE_ACCOUNTS,
           'kube-root-ca.crt': resources.CONFIG_MAPS}


class Garbage:
    """The collector, and the controllers of namespaces and of quotas."""

    def __init__(self, registry):
        self._registry = registry

    def sync(self):
        store = self._registry.store
        every = [(resource, value) for resource in OWNABLE
                 for value in store.list(resource)]
        uids = {value['metadata']['uid'] for _resource, value in every}
        owned = [(resource, value) for resource, value in every
                 if value['metadata'].get('ownerReferences')]
        for resource, value in every:
            if 'deletionTimestamp' in value['metadata']:
                self._finalize(resource, value, owned)
        for resource, value in owned:
            references = value['metadata']['ownerReferences']
            if not any(each['uid'] in uids for each in references):
                self._delete(resource, value)
        for namespace in store.list(resources.NAMESPACES):
            self._namespace(namespace)
        for quota in store.list(resources.QUOTAS):
            self._quota(quota)

    def _finalize(self, resource, value, owned):
        """Do what a deleted owner asks for its dependents."""
        finalizers = value['metadata'].get('finalizers', ())
        dependents = [(kind, each) for kind, each in owned if any(
            reference['uid'] == value['metadata']['uid']
            for reference in each['metadata']['ownerReferences'])]
        if ORPHAN in finalizers:
            for kind, each in dependents:
                self._edit(kind, each, lambda found: disown(found, value))
            self._edit(resource, value, lambda found: found['metadata'][
                'finalizers'].remove(ORPHAN))
        elif FOREGROUND in finalizers:
            for kind, each in dependents:
                self._delete(kind, each, 'Foreground')
            if not any(reference.get('blockOwnerDeletion')
                       for _kind, each in dependents for reference
                       in each['metadata']['ownerReferences']):
                self._edit(resource, value, lambda found: found['metadata'][
                    'finalizers'].remove(FOREGROUND))

    def _edit(self, resource, value, edit):
        def change(found):
            edit(found)
        metadata = value['metadata']
        self._registry.change(resource, metadata.get('namespace', ''),
                              metadata['name'], change)

    def _delete(self, resource, value, policy='Background'):
        metadata = value['metadata']
        if 'deletionTimestamp' in metadata:
            return
        try:
            self._registry.delete(
                resource, metadata.get('namespace', ''), metadata['name'], {
                    'propagationPolicy': policy,
                    'preconditions': {'uid': metadata['uid']}})
        except errors.ApiError as error:
            if error.code != 404:
                raise

    def _namespace(self, namespace):
        store = self._registry.store
        name = namespace['metadata']['name']
        if 'deletionTimestamp' not in namespace['metadata']:
            for made, resource in ADOPTED.items():
                if store.get(resource, name, made) is None:
                    self._registry.create(resource, name,
                                          {'metadata': {'name': made}})
            return
        left = [(resource, value) for resource in resources.STORED
                if resource.namespaced for value in store.list(resource, name)]
        for resource, value in left:
            self._delete(resource, value)
        if not any(store.list(resource, name) for resource in resources.STORED
                   if resource.namespaced):
            store.remove(resources.NAMESPACES, '', name)

    def _quota(self, quota):
        status = admission.status(self._registry.admission, quota)

        def write(value):
            value['status'] = status

        self._registry.change(
            resources.QUOTAS, quota['metadata']['namespace'],
            quota['metadata']['name'], write, subresource='status')


def disown(value, owner):
    """Take away the reference to an owner."""
    metadata = value['metadata']
    kept = [each for each in metadata['ownerReferences']
            if each['uid'] != owner['metadata']['uid']]
    metadata['ownerReferences'] = kept
    if not kept:
        del metadata['ownerReferences']
