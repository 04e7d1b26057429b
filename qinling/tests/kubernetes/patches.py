# SPDX-License-Identifier: Apache-2.0
"""Patches of objects: JSON Patch (RFC 6902), JSON Merge Patch (RFC 7396) and
strategic merge by the keys of lists.

https://kubernetes.io/docs/tasks/manage-kubernetes-objects/\
update-api-object-kubectl-patch/
"""

from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import store

#: Lists that strategic patches merge, and the key of their elements.
MERGE_KEYS = {
    'conditions': 'type', 'containers': 'name', 'env': 'name',
    'ephemeralContainers': 'name', 'hostAliases': 'ip',
    'imagePullSecrets': 'name', 'initContainers': 'name',
    'ownerReferences': 'uid', 'podIPs': 'ip', 'ports': 'containerPort',
    'topologySpreadConstraints': 'topologyKey', 'volumeDevices': 'devicePath',
    'volumeMounts': 'mountPath', 'volumes': 'name',
}
MERGED_PRIMITIVES = {'finalizers'}


def merge(target, patch):
    """Apply a JSON merge patch."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def strategic(target, patch):
    """Apply a strategic merge patch."""
    if not isinstance(patch, dict):
        return patch
    directive = patch.get('$patch')
    if directive == 'replace':
        return {key: value for key, value in patch.items() if key != '$patch'}
    if directive == 'delete':
        return {}
    result = dict(target) if isinstance(target, dict) else {}
    retained = patch.get('$retainKeys')
    if retained is not None:
        result = {key: value for key, value in result.items()
                  if key in retained}
    for key, value in patch.items():
        if key.startswith('$'):
            _directive(result, key, value)
        elif value is None:
            result.pop(key, None)
        elif isinstance(value, list):
            result[key] = _list(key, result.get(key), value)
        else:
            result[key] = strategic(result.get(key), value)
    return result


def _directive(result, key, value):
    if key.startswith('$deleteFromPrimitiveList/'):
        name = key.partition('/')[2]
        result[name] = [item for item in result.get(name, ())
                        if item not in value]
    elif key.startswith('$setElementOrder/') or key == '$retainKeys':
        return
    else:
        raise errors.bad_request(f'unknown directive {key}')


def _list(name, present, patch):
    present = list(present or ())
    if name in MERGED_PRIMITIVES:
        return present + [item for item in patch if item not in present]
    key = MERGE_KEYS.get(name)
    if key is None or not all(isinstance(item, dict) for item in patch):
        return patch
    if any(item.get('$patch') == 'replace' for item in patch):
        return [item for item in patch if '$patch' not in item]
    for element in patch:
        if key not in element:
            raise errors.bad_request(
                f'map: {element} does not contain declared merge key: {key}')
        _element(present, key, element)
    return present


def _element(present, key, element):
    for number, item in enumerate(present):
        if item.get(key) == element[key]:
            if element.get('$patch') == 'delete':
                del present[number]
            else:
                present[number] = strategic(item, element)
            return
    if element.get('$patch') != 'delete':
        present.append(strategic({}, element))


def json_patch(target, operations):
    """Apply a JSON patch.

    :raises ApiError: 400 for a malformed patch, 422 for a patch that does not
        fit.
    """
    if not isinstance(operations, list) or not all(
            isinstance(operation, dict) for operation in operations):
        raise errors.bad_request('error decoding patch: json: cannot '
                                 'unmarshal object into jsonpatch.Patch')
    target = store.copy(target)
    for operation in operations:
        try:
            target = _operate(target, operation)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise errors.unprocessable() from error
    return target


def _operate(target, operation):
    verb, path = operation['op'], _path(operation['path'])
    if verb == 'test':
        if _find(target, path) != operation['value']:
            raise ValueError('test failed')
    elif verb == 'remove':
        _remove(target, path)
    elif verb == 'replace':
        if path:
            _find(target, path)
            _remove(target, path)
        target = _add(target, path, operation['value'])
    elif verb == 'add':
        target = _add(target, path, operation['value'])
    elif verb in ('move', 'copy'):
        source = _path(operation['from'])
        value = store.copy(_find(target, source))
        if verb == 'move':
            _remove(target, source)
        target = _add(target, path, value)
    else:
        raise ValueError(verb)
    return target


def _path(text):
    if text and not text.startswith('/'):
        raise ValueError(text)
    return [part.replace('~1', '/').replace('~0', '~')
            for part in text.split('/')[1:]]


def _find(target, path):
    for part in path:
        target = (target[_index(part)] if isinstance(target, list)
                  else target[part])
    return target


def _index(part):
    number = int(part)
    if number < 0:
        raise IndexError(part)
    return number


def _add(target, path, value):
    if not path:
        return value
    parent = _find(target, path[:-1])
    if isinstance(parent, list):
        place = len(parent) if path[-1] == '-' else _index(path[-1])
        if place > len(parent):
            raise IndexError(place)
        parent.insert(place, value)
    else:
        parent[path[-1]] = value
    return target


def _remove(target, path):
    parent = _find(target, path[:-1])
    if isinstance(parent, list):
        del parent[_index(path[-1])]
    else:
        del parent[path[-1]]


#: Content type -> how to patch.
KINDS = {
    'application/json-patch+json': json_patch,
    'application/merge-patch+json': merge,
    'application/strategic-merge-patch+json': strategic,
}
