# SPDX-License-Identifier: Apache-2.0
"""The Helm chart, rendered by the library of Helm without a cluster."""

import functools
import unittest

import yaml

from qinling.tests.unit.deploy import manifests

try:
    import helm_python
except ImportError:
    helm_python = None

DIRECTORY = manifests.DIRECTORY / 'helm'
CHART = DIRECTORY / 'qinling'
#: Values of another chart.
ADAPTER = DIRECTORY / 'examples' / 'prometheus-adapter.yaml'
EXAMPLES = sorted({*DIRECTORY.glob('examples/*.yaml')} - {ADAPTER})
#: Least values, like those of the kustomization.
VALUES = {'image': {'repository': 'registry.example.com/qinling/service'},
          'connections': {'existingSecret': 'qinling-connections'},
          'api': {'allowNoauth': True}}
#: Warnings and errors; below are notes.
WARNING = 2


def require_helm():
    """Return the library of Helm.

    :raises SkipTest: no build of the library is for this machine.
    """
    if helm_python is None:
        raise unittest.SkipTest(
            'helm-python-sdk is not installed: it exists for x86_64 only.')
    return helm_python


def example(name):
    """Return the values of an example."""
    return yaml.safe_load(
        (DIRECTORY / 'examples' / f'{name}.yaml').read_text())


def merge(*layers):
    """Return one dict of values; later layers have precedence."""
    result = {}
    for layer in layers:
        for key, value in layer.items():
            if isinstance(value, dict) and isinstance(result.get(key), dict):
                value = merge(result[key], value)
            result[key] = value
    return result


def render_files(values, **options):
    """Return file -> text of a release.

    :raises HelmError: the values are wrong.
    """
    with require_helm().Chart.load(CHART) as chart:
        chart.validate_schema(values)
        return chart.render(values, **{
            'name': 'qinling', 'namespace': manifests.CONTROL, **options})


def render(values, **options):
    """Return the objects of a release."""
    return [item for name, text in render_files(values, **options).items()
            if name.endswith('.yaml')
            for item in manifests.load_all(text) if item]


def lint(values):
    """Return the findings of Helm, as texts."""
    report = require_helm().lint(CHART, values, strict=True,
                                 namespace=manifests.CONTROL)
    return report['errors'] + [
        message['error'] for message in report['messages']
        if message['severity'] >= WARNING]


@functools.cache
def render_examples():
    """Return name -> objects of each example."""
    return {path.stem: render(yaml.safe_load(path.read_text()))
            for path in EXAMPLES}


@functools.cache
def defaults():
    """Return the values of the chart."""
    return yaml.safe_load((CHART / 'values.yaml').read_text())


def find(objects, kind, name):
    """Return the only object with a kind and a name."""
    item, = (item for item in objects if item['kind'] == kind
             and item['metadata']['name'] == name)
    return item


def pod(objects, name):
    """Return the specification of the pods of a Deployment."""
    return find(objects, 'Deployment', name)['spec']['template']['spec']


def list_references(spec):
    """Yield (kind, name) of the objects that a pod mounts."""
    for volume in spec['volumes']:
        if 'persistentVolumeClaim' in volume:
            yield ('PersistentVolumeClaim',
                   volume['persistentVolumeClaim']['claimName'])
        for source in volume.get('projected', {}).get('sources', []):
            for key, kind in (('configMap', 'ConfigMap'),
                              ('secret', 'Secret')):
                if key in source:
                    yield kind, source[key]['name']
