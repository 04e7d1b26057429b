# SPDX-License-Identifier: Apache-2.0
"""Index of the pods of a view by their labels.

Claims, sweeps and the upkeep of pools find pods without a look at all pods of
the namespace.
"""

from collections.abc import Callable
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


class Grouping(typing.Generic[_Key]):
    """Pods by a key; a pod whose key is ``None`` is left out.

    The mappings change with the pods.
    """

    def __init__(self, get_key: Callable[[apis.Resource], _Key | None]
                 ) -> None:
        self._get_key = get_key
        self._groups: dict[_Key, dict[str, apis.Resource]] = {}

    def replace(self, old: apis.Resource | None, new: apis.Resource | None
                ) -> None:
        """Replace a state of a pod; ``None`` stands for an absent pod."""
        old_key = None if old is None else self._get_key(old)
        new_key = None if new is None else self._get_key(new)
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


class Index:
    """Groupings of the pods, guarded by the condition of the view.

    * ``states``: by state
    * ``pools``: by runtime and state
    * ``codes``: claimed pods by :class:`Code`
    * ``engines``: claimed pods and pods of images by engine
    * ``specs``: claimed pods by runtime and digest of the specification
    """

    def __init__(self) -> None:
        self.states = Grouping(pods.get_state)
        self.pools = Grouping(_get_pool)
        self.codes = Grouping(_get_code)
        self.engines = Grouping(_get_engine)
        self.specs = Grouping(_get_spec)

    def replace(self, old: apis.Resource | None, new: apis.Resource | None
                ) -> None:
        """Replace a state of a pod; ``None`` stands for an absent pod."""
        for grouping in (self.states, self.pools, self.codes, self.engines,
                         self.specs):
            grouping.replace(old, new)


def _get_pool(pod: apis.Resource) -> tuple[str, str]:
    return pods.get_label(pod, labels.RUNTIME), pods.get_state(pod)


def get_code(claimed: Mapping[str, str]) -> Code:
    """Return the code of the labels of a claimed pod."""
    return Code(*(claimed.get(label, '') for label in (
        labels.FUNCTION, labels.VERSION, labels.BUILD)))


def _get_code(pod: apis.Resource) -> Code | None:
    if pods.get_state(pod) != labels.CLAIMED:
        return None
    return get_code(pod['metadata']['labels'])


def _get_engine(pod: apis.Resource) -> str | None:
    if pods.get_state(pod) == labels.IDLE:
        return None
    return pods.get_label(pod, labels.ENGINE)


def _get_spec(pod: apis.Resource) -> tuple[str, str] | None:
    if pods.get_state(pod) != labels.CLAIMED:
        return None
    return (pods.get_label(pod, labels.RUNTIME),
            pods.get_label(pod, labels.SPEC))
