# SPDX-License-Identifier: Apache-2.0
"""The manifests of etc/kubernetes, as files and as kustomize builds them."""

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


def kustomization(directory):
    """The file that tells what belongs together."""
    return yaml.safe_load((directory / 'kustomization.yaml').read_text())


def files(directory):
    """Every file of objects that a kustomization names, its bases too."""
    for name in kustomization(directory)['resources']:
        path = (directory / name).resolve()
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def written(directory):
    """The objects as they stand in the files, without what kustomize does
    to them."""
    return [made for path in files(directory)
            for made in yaml.safe_load_all(path.read_text())]


def built(directory):
    """The objects that "kubectl apply -k" would send.

    :raises SkipTest: there is no kubectl.
    """
    if not shutil.which('kubectl'):
        raise unittest.SkipTest('There is no kubectl on this machine.')
    text = subprocess.run(['kubectl', 'kustomize', str(directory)],
                          check=True, capture_output=True, text=True).stdout
    return list(yaml.safe_load_all(text))


def of_kind(objects, *kinds):
    """The objects of some kinds."""
    return [made for made in objects if made['kind'] in kinds]


def name(made):
    """How messages call an object."""
    meta = made['metadata']
    return f'{made["kind"]} {meta.get("namespace", "")}/{meta["name"]}'


def template(made):
    """The template of the pods that an object makes, or ``None``."""
    return made.get('spec', {}).get('template')


def workloads(objects):
    """(object, template of its pods) of all that makes pods."""
    return [(made, template(made)) for made in objects if template(made)]


def containers(pod):
    """All containers of a pod's specification."""
    return pod.get('initContainers', []) + pod['containers']


def selects(selector, labels):
    """Whether a label selector matches labels."""
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
