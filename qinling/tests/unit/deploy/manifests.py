# SPDX-License-Identifier: Apache-2.0
"""Manifests of etc/kubernetes, from the files and from kustomize."""

import pathlib
import shutil
import subprocess
import unittest

import yaml

CHECKOUT = pathlib.Path(__file__).parents[4]
DIRECTORY = CHECKOUT / 'etc' / 'kubernetes'
BASE = DIRECTORY / 'base'
OVERLAYS = sorted(path.parent for path in
                  DIRECTORY.glob('overlays/*/kustomization.yaml'))
CONTROL, WORKERS = 'qinling', 'qinling-workers'
SECRET = 'qinling-connections'
#: Kinds that belong to no namespace.
CLUSTER = {'Namespace', 'ClusterRole', 'ClusterRoleBinding'}


def load_all(text):
    """Return the objects of a text; the parser in C is ten times as fast."""
    return list(yaml.load_all(
        text, Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader)))


def kustomization(directory):
    """Return the content of a kustomization file."""
    return yaml.safe_load((directory / 'kustomization.yaml').read_text())


def files(directory):
    """Return every file of objects in a kustomization and in the bases."""
    for name in kustomization(directory)['resources']:
        path = (directory / name).resolve()
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def written(directory):
    """Return the objects from the files, before kustomize."""
    return [item for path in files(directory)
            for item in load_all(path.read_text())]


def built(directory):
    """Return the objects of "kubectl apply -k".

    :raises SkipTest: kubectl is missing.
    """
    if not shutil.which('kubectl'):
        raise unittest.SkipTest('There is no kubectl on this machine.')
    text = subprocess.run(['kubectl', 'kustomize', str(directory)],
                          check=True, capture_output=True, text=True).stdout
    return load_all(text)


def of_kind(objects, *kinds):
    """Return the objects of some kinds."""
    return [item for item in objects if item['kind'] in kinds]


def name(item):
    """Return the name of an object for messages."""
    meta = item['metadata']
    return f'{item["kind"]} {meta.get("namespace", "")}/{meta["name"]}'


def template(item):
    """Return the pod template of an object, or ``None``."""
    return item.get('spec', {}).get('template')


def workloads(objects):
    """Return (object, pod template) of all objects with pods."""
    return [(item, template(item)) for item in objects if template(item)]


def containers(pod):
    """Return all containers of a pod's specification."""
    return pod.get('initContainers', []) + pod['containers']


def selects(selector, labels):
    """Return whether a label selector matches labels."""
    if not all(labels.get(key) == value for key, value in
               (selector.get('matchLabels') or {}).items()):
        return False
    return all(_holds(rule, labels)
               for rule in selector.get('matchExpressions') or [])


def _holds(rule, labels):
    value, values = labels.get(rule['key']), rule.get('values')
    return {'In': lambda: value in values,
            'NotIn': lambda: value not in values,
            'Exists': lambda: value is not None,
            'DoesNotExist': lambda: value is None}[rule['operator']]()
