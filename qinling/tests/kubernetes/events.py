# SPDX-License-Identifier: Apache-2.0
"""Events of objects, for people."""

from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import names
from qinling.tests.kubernetes import resources


def emit(registry, about, reason, message, warning=False, component=''):
    """Record an event once; count repetitions.

    Like the real scheduler, the scheduler here writes events of the newer
    form, without ``lastTimestamp``.
    """
    metadata = about['metadata']
    name = f'{metadata["name"]}.{abs(hash((reason, message))):x}'
    namespace = metadata.get('namespace', 'default')
    now = names.now()
    if registry.store.get(resources.EVENTS, namespace, name):
        def again(event):
            event['count'] = event.get('count', 1) + 1
            event['lastTimestamp'] = now
        registry.change(resources.EVENTS, namespace, name, again)
        return
    event = {
        'metadata': {'name': name}, 'reason': reason, 'message': message,
        'type': 'Warning' if warning else 'Normal',
        'involvedObject': {
            'kind': about['kind'], 'apiVersion': about['apiVersion'],
            'name': metadata['name'], 'namespace': namespace,
            'uid': metadata['uid'],
            'resourceVersion': metadata['resourceVersion']}}
    if component == 'default-scheduler':
        event.update(eventTime=now[:-1] + '.000000Z', action='Binding',
                     reportingComponent=component,
                     reportingInstance=f'{component}-0')
    else:
        event.update(firstTimestamp=now, lastTimestamp=now, count=1,
                     source={'component': component})
    try:
        registry.create(resources.EVENTS, namespace, event)
    except errors.ApiError as error:
        # The namespace may be ending, or gone.
        if error.code not in (403, 404):
            raise
