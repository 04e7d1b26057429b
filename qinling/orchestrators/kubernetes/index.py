# SPDX-License-Identifier: Apache-2.0
"""Index of the pods of a view by their labels.

Claims, sweeps and the upkeep of pools find pods without a look at all pods of
the namespace.
"""

import abc
from collections.abc import Hashable
from collections.abc import Mapping
import typing

from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import pods

#: name -> pod
Pods = Mapping[str, apis.Resource]
_Key = typing.TypeVar('_Key', bound=Hashable)
_NONE: Pods = {}


class Code(typing.NamedTuple):
    """Labels of the claimed pods with the same code."""

    function_id: str
    version: str
    build: str


class Grouping(abc.ABC, typing.Generic[_Key]):
    """Pods by a key; a pod whose key is ``None`` is left out.

    The mappings change with the pods.
    """

    def __init__(self) -> None:
        self._groups: dict[_Key, dict[str, apis.Resource]] = {}

    @abc.abstractmethod
    def get_key(self, pod: apis.Resource) -> _Key | None:
        """Return the key of a pod."""

    def replace(self, old: apis.Resource | None, new: apis.Resource | None
                ) -> None:
        """Replace a state of a pod; ``None`` stands for an absent pod."""
        old_key = None if old is None else self.get_key(old)
        new_key = None if new is None else self.get_key(new)
        if old is not None and old_key is not None and old_key != new_key:
            group = self._groups.get(old_key, {})
            group.pop(pods.get_name(old), None)
            if not group:
                self._groups.pop(old_key, None)
        if new is not None and new_key is not None:
            self._groups.setdefault(new_key, {})[pods.get_name(new)] = new

    def get(self, key: _Key) -> Pods:
        """Return the pods of a key."""
        return self._groups.get(key, _NONE)

    def items(self) -> list[tuple[_Key, Pods]]:
        """Return each key and its pods."""
        return list(self._groups.items())


class _States(Grouping[str]):
    def get_key(self, pod: apis.Resource) -> str:
        return pods.get_state(pod)


class _Pools(Grouping[tuple[str, str]]):
    def get_key(self, pod: apis.Resource) -> tuple[str, str]:
        return pods.get_label(pod, labels.RUNTIME), pods.get_state(pod)


class _Codes(Grouping[Code]):
    def get_key(self, pod: apis.Resource) -> Code | None:
        if pods.get_state(pod) != labels.CLAIMED:
            return None
        return get_code(pod['metadata']['labels'])


class _Engines(Grouping[str]):
    def get_key(self, pod: apis.Resource) -> str | None:
        if pods.get_state(pod) == labels.IDLE:
            return None
        return pods.get_label(pod, labels.ENGINE)


class _Specs(Grouping[tuple[str, str]]):
    def get_key(self, pod: apis.Resource) -> tuple[str, str] | None:
        if pods.get_state(pod) != labels.CLAIMED:
            return None
        return (pods.get_label(pod, labels.RUNTIME),
                pods.get_label(pod, labels.SPEC))


class Index:
    """Groupings of the pods, guarded by the condition of the view.

    * ``states``: by state
    * ``pools``: by runtime and state
    * ``codes``: claimed pods by :class:`Code`
    * ``engines``: claimed pods and pods of images by engine
    * ``specs``: claimed pods by runtime and digest of the specification
    """

    def __init__(self) -> None:
        self.states = _States()
        self.pools = _Pools()
        self.codes = _Codes()
        self.engines = _Engines()
        self.specs = _Specs()

    def replace(self, old: apis.Resource | None, new: apis.Resource | None
                ) -> None:
        """Replace a state of a pod; ``None`` stands for an absent pod."""
        for grouping in (self.states, self.pools, self.codes, self.engines,
                         self.specs):
            grouping.replace(old, new)


def get_code(claimed: Mapping[str, str]) -> Code:
    """Return the code of the labels of a claimed pod."""
    return Code(*(claimed.get(label, '') for label in (
        labels.FUNCTION, labels.VERSION, labels.BUILD)))
