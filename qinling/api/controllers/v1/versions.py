# SPDX-License-Identifier: Apache-2.0
"""Versions of functions: ``/v1/functions/{id}/versions``."""

from collections.abc import Sequence
import typing

import wsme

from qinling.api import audit
from qinling.api.controllers.v1 import functions
from qinling.api import etag
from qinling.api import listing
from qinling.api import pecan_patches
from qinling.api.route import route
from qinling.api import stream
from qinling.api import types
from qinling.core import services as services_module
from qinling import fields

LIST_PATH = functions.ITEM_PATH + '/versions'
ITEM_PATH = LIST_PATH + '/{version}'
SORTABLE = ('version_number', 'created_at', 'updated_at', 'id')
#: Fields of a function that no version freezes.
UNVERSIONED = ('name', 'description', 'trust', 'keep_versions',
               'flow_control')


class UsedVersion(types.Type):
    """Old version that something uses."""

    version_number = int
    reason = types.Text


class Retention(types.Type):
    """Fate of the old versions of a function."""

    deleted = [int]
    in_use = [UsedVersion]


class Version(types.Resource):
    """Immutable snapshot of a function.

    Only ``description`` and ``tags`` may change.  The answer to the
    publication has ``retention``.
    """

    function_id = wsme.wsattr(types.Text, readonly=True)
    version_number = wsme.wsattr(int, readonly=True)
    description = types.Text
    message = wsme.wsattr(types.Text, readonly=True)
    tags = [types.Text]
    digest = wsme.wsattr(types.Text, readonly=True)
    count = wsme.wsattr(int, readonly=True)
    code = wsme.wsattr(types.AnyJson(), readonly=True)
    vars().update({
        field.name: wsme.wsattr(functions.FIELD_TYPES[field.kind],
                                readonly=True)
        for field in fields.FUNCTION
        if not field.hidden and field.name not in UNVERSIONED})
    secret_names = wsme.wsattr([types.Text], readonly=True)
    secret_references = wsme.wsattr([functions.SecretReference],
                                    readonly=True)
    min_workers = wsme.wsattr(int, readonly=True)
    retention = wsme.wsattr(Retention, readonly=True)


class VersionCreate(Version):
    """Request to publish the latest code."""

    message = types.Text


class Verification(types.Type):
    """Comparison of a version with its digest."""

    digest = types.Text
    recomputed = types.Text
    valid = bool
    parts = [types.Text]


class Versions(listing.Collection):
    """List of versions."""

    function_versions = [Version]


class Usage(types.Type):
    """What still uses a version."""

    state = types.Text
    running = int
    queued = int
    scheduled = int
    aliases = int
    jobs = int
    webhooks = int
    event_sources = int


class FileChange(types.Type):
    """Difference of one file."""

    path = types.Text
    change = types.Text
    old_size = int
    new_size = int
    diff = types.Text


class Difference(types.Type):
    """Differences between two versions."""

    settings = types.AnyJson()
    files = [FileChange]
    truncated = bool


class Controller:
    """Operations on versions."""

    def __init__(self, services: services_module.Services) -> None:
        self._core = services.versions
        self._differences = services.differences
        self._workers = services.workers
        self._builds = services.builds
        self._environments = services.environments

    def _view(self, row: typing.Any) -> types.View:
        return functions.create_views(self._environments, [row])[0]

    @route('POST', LIST_PATH, policy='function_version:create',
           result=Version, status=201, body=VersionCreate,
           optional_body=True)
    def create(self, req: pecan_patches.Request, id: str,
               body: VersionCreate) -> types.View:
        row, retention = self._core.publish(
            req.ctx, id, types.get_fields(body))
        audit.add_deletions(req.environ, 'function_version', [
            f'{req.path}/{number}' for number in retention.deleted])
        return types.View(self._view(row), retention=retention)

    @route('GET', LIST_PATH, policy='function_version:get_all',
           result=Versions, query=dict(listing.PAGE,
                                       tags=types.Several(str)))
    def get_all(self, req: pecan_patches.Request, id: str,
                sort_key: str = 'version_number', tags: Sequence[str] = (),
                **query: typing.Any) -> types.View:
        filters = listing.pop_filters(query)
        page = listing.parse_page(req, SORTABLE, sort_key=sort_key, **query)
        views = functions.create_views(self._environments, self._core.list(
            req.ctx, id, page, filters, tags))
        return listing.create_list(req, 'function_versions', views, page)

    @route('GET', LIST_PATH + '/diff', policy='function_version:get',
           result=Difference, conflicts=True,
           query={'from': types.parse_version, 'to': types.parse_version})
    def compare(self, req: pecan_patches.Request, id: str,
                **numbers: int) -> typing.Any:
        return self._differences.compare(
            req.ctx, id, numbers.get('from'), numbers.get('to', 0))

    @route('GET', ITEM_PATH, policy='function_version:get', result=Version,
           query=functions.DOWNLOAD,
           media_types=functions.DOWNLOADS)
    def get(self, req: pecan_patches.Request, id: str, version: int,
            download: bool = False) -> types.View | stream.Response:
        if download:
            return functions.stream_package(
                self._core.download(req.ctx, id, version), f'{id}_{version}')
        return self._view(self._core.get(req.ctx, id, version))

    @route('PUT', ITEM_PATH, policy='function_version:update',
           result=Version, body=Version, if_match=True)
    def update(self, req: pecan_patches.Request, id: str, version: int,
               body: Version) -> types.View:
        return self._view(self._core.update(
            req.ctx, id, version, types.get_fields(body),
            etag.parse_if_match(req)))

    @route('DELETE', ITEM_PATH, policy='function_version:delete',
           status=204, if_match=True)
    def delete(self, req: pecan_patches.Request, id: str, version: int
               ) -> None:
        self._core.delete(req.ctx, id, version, etag.parse_if_match(req))

    @route('GET', ITEM_PATH + '/references', policy='function_version:get',
           result=functions.References)
    def references(self, req: pecan_patches.Request, id: str, version: int
                   ) -> types.View:
        return types.View(references=self._core.references(
            req.ctx, id, version))

    @route('GET', ITEM_PATH + '/usage', policy='function_version:get',
           result=Usage)
    def usage(self, req: pecan_patches.Request, id: str, version: int
              ) -> typing.Any:
        return self._core.usage(req.ctx, id, version)

    @route('GET', ITEM_PATH + '/verify', policy='function_version:verify',
           result=Verification, conflicts=True)
    def verify(self, req: pecan_patches.Request, id: str, version: int
               ) -> typing.Any:
        return self._core.verify(req.ctx, id, version)

    @route('GET', ITEM_PATH + '/build', policy='function_build:get',
           result=functions.Build)
    def build(self, req: pecan_patches.Request, id: str, version: int
              ) -> typing.Any:
        return self._builds.get(req.ctx, id, version)

    @route('POST', ITEM_PATH + '/build', policy='function_build:create',
           status=202)
    def rebuild(self, req: pecan_patches.Request, id: str, version: int
                ) -> None:
        self._builds.retry(req.ctx, id, version)

    @route('POST', ITEM_PATH + '/scale_up',
           policy='function_version:scale_up', status=202,
           body=functions.Scale, optional_body=True)
    def scale_up(self, req: pecan_patches.Request, id: str, version: int,
                 body: typing.Any) -> None:
        self._workers.scale_up(req.ctx, id, version, body.count)

    @route('POST', ITEM_PATH + '/scale_down',
           policy='function_version:scale_down', status=202,
           body=functions.Scale, optional_body=True)
    def scale_down(self, req: pecan_patches.Request, id: str, version: int,
                   body: typing.Any) -> None:
        self._workers.scale_down(req.ctx, id, version, body.count)

    @route('POST', ITEM_PATH + '/provision',
           policy='function_version:provision', status=202,
           body=functions.Scale)
    def provision(self, req: pecan_patches.Request, id: str, version: int,
                  body: typing.Any) -> None:
        self._workers.provision(req.ctx, id, version, body.count)

    @route('POST', ITEM_PATH + '/detach', policy='function_version:detach',
           status=202)
    def detach(self, req: pecan_patches.Request, id: str, version: int
               ) -> None:
        self._workers.detach(req.ctx, id, version)
