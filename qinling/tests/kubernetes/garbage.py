# SPDX-License-Identifier: Apache-2.0
"""Garbage collection: dependents with their owner, objects with their
namespace; also the initial objects of namespaces."""

from qinling.tests.kubernetes import admission
from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import registry as registries
from qinling.tests.kubernetes import resources

FOREGROUND = registries.FINALIZERS['Foreground']
ORPHAN = registries.FINALIZERS['Orphan']
OWNABLE = tuple(resource for resource in resources.STORED if resource not in (
    resources.EVENTS, resources.NODES, resources.NAMESPACES))
ADOPTED = {'default': resources.SERVICE_ACCOUNTS,
           'kube-root-ca.crt': resources.CONFIG_MAPS}


class Garbage:
    """Garbage collector, and controllers of namespaces and of quotas."""

    def __init__(self, registry):
        self._registry = registry

    def sync(self):
        store = self._registry.store
        objects = [(resource, value) for resource in OWNABLE
                   for value in store.list(resource)]
        uids = {value['metadata']['uid'] for _resource, value in objects}
        owned = [(resource, value) for resource, value in objects
                 if value['metadata'].get('ownerReferences')]
        for resource, value in objects:
            if 'deletionTimestamp' in value['metadata']:
                self._finalize(resource, value, owned)
        for resource, value in owned:
            references = value['metadata']['ownerReferences']
            if not any(reference['uid'] in uids for reference in references):
                self._delete(resource, value)
        for namespace in store.list(resources.NAMESPACES):
            self._namespace(namespace)
        for quota in store.list(resources.QUOTAS):
            self._quota(quota)

    def _finalize(self, resource, value, owned):
        """Apply the deletion policy of an owner to the dependents."""
        finalizers = value['metadata'].get('finalizers', ())
        dependents = [(kind, dependent) for kind, dependent in owned if any(
            reference['uid'] == value['metadata']['uid']
            for reference in dependent['metadata']['ownerReferences'])]
        if ORPHAN in finalizers:
            for kind, dependent in dependents:
                self._edit(kind, dependent,
                           lambda present: remove_owner(present, value))
            self._edit(resource, value, lambda present: present['metadata'][
                'finalizers'].remove(ORPHAN))
        elif FOREGROUND in finalizers:
            for kind, dependent in dependents:
                self._delete(kind, dependent, 'Foreground')
            if not any(
                    reference.get('blockOwnerDeletion')
                    for _kind, dependent in dependents
                    for reference in dependent['metadata'][
                        'ownerReferences']):
                self._edit(resource, value, lambda present: present[
                    'metadata']['finalizers'].remove(FOREGROUND))

    def _edit(self, resource, value, edit):
        def change(present):
            edit(present)
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
            for default, resource in ADOPTED.items():
                if store.get(resource, name, default) is None:
                    self._registry.create(resource, name,
                                          {'metadata': {'name': default}})
            return
        remaining = [(resource, value) for resource in resources.STORED
                     if resource.namespaced for value in store.list(resource,
                                                                    name)]
        for resource, value in remaining:
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


def remove_owner(value, owner):
    """Remove the reference to an owner."""
    metadata = value['metadata']
    references = [reference for reference in metadata['ownerReferences']
                  if reference['uid'] != owner['metadata']['uid']]
    metadata['ownerReferences'] = references
    if not references:
        del metadata['ownerReferences']
