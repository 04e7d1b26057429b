# SPDX-License-Identifier: Apache-2.0
"""Calls about functions and versions."""

from collections.abc import Iterator
import typing

from openstack import proxy

from qinling.client.sdk import resources


class Functions(proxy.Proxy):
    """Calls about functions and versions."""

    skip_discovery = True

    def functions(self, **query: typing.Any
                  ) -> Iterator[resources.Function]:
        """Iterate over functions.

        :param query: filters, ``sort_key``, ``sort_dir``, ``limit``.
        """
        return self._list(resources.Function, **query)

    def create_function(self, package: bytes | None = None,
                        **fields: typing.Any) -> resources.Function:
        """Create a function.

        :param package: bytes of a ZIP file; see
            :func:`qinling.client.package.create_archive`.
        :param fields: ``code`` without a package, such as
            ``{'source': 'image', 'image': 'thumbnails:2'}``; ``name``,
            ``runtime_id``, ``entry``, ``timeout`` and the like.
        """
        if package is not None:
            fields.setdefault('code', {'source': 'package'})
        return resources.Function.new(**fields).send(self, package)

    def update_function(self, function: resources.Function | str,
                        package: bytes | None = None, **fields: typing.Any
                        ) -> resources.Function:
        """Change a function; parameters as for its creation."""
        changed = self._get_resource(resources.Function, function, **fields)
        return changed.send(self, package)

    def get_function(self, function: resources.Function | str
                     ) -> resources.Function:
        """Return a function."""
        return self._get(resources.Function, function)

    def find_function(self, name_or_id: str, ignore_missing: bool = True
                      ) -> resources.Function | None:
        """Return the function with a name or an id, or ``None``."""
        return self._find(resources.Function, name_or_id, ignore_missing)

    def delete_function(self, function: resources.Function | str,
                        ignore_missing: bool = True) -> None:
        """Delete a function with its versions."""
        self._delete(resources.Function, function, ignore_missing)

    def download_function(self, function: resources.Function | str
                          ) -> bytes:
        """Return the package of a function."""
        resource = self._get_resource(resources.Function, function)
        response = self.get(resource.path, params={'download': 'true'})
        resources.raise_from_response(response)
        return response.content

    def versions(self, function: resources.Function | str,
                 **query: typing.Any) -> Iterator[resources.Version]:
        """Iterate over the versions of a function."""
        return self._list(resources.Version, function_id=_id(function),
                          **query)

    def create_version(self, function: resources.Function | str,
                       **fields: typing.Any) -> resources.Version:
        """Publish the latest code of a function.

        :param fields: ``description``, ``message`` and ``tags``.
        """
        return self._create(resources.Version, function_id=_id(function),
                            **fields)

    def get_version(self, function: resources.Function | str, number: int
                    ) -> resources.Version:
        """Return a version of a function."""
        return self._get(resources.Version, str(number),
                         function_id=_id(function))

    def update_version(self, function: resources.Function | str,
                       number: int, **fields: typing.Any
                       ) -> resources.Version:
        """Change description or tags of a version."""
        return self._update(resources.Version, str(number),
                            function_id=_id(function), **fields)

    def delete_version(self, function: resources.Function | str,
                       number: int, ignore_missing: bool = True) -> None:
        """Delete a version of a function."""
        self._delete(resources.Version, str(number), ignore_missing,
                     function_id=_id(function))


def _id(function: resources.Function | str) -> str:
    return function if isinstance(function, str) else str(function.id)
