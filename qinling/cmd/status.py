# SPDX-License-Identifier: Apache-2.0
"""``qinling-status upgrade check``: checks of an installation."""

from collections.abc import Iterator
import contextlib
import sys
import tempfile

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from qinling import conf as qinling_conf
from qinling.db import migration
from qinling.db import session
from qinling import drivers
from qinling import exception
from qinling.orchestrators import base

#: Values of ``isolation`` that cause a warning.
WEAK_ISOLATION = ('none', 'landlock')
#: Value of ``network policies`` that causes no warning.
ENFORCED = 'enforced'


class Checks(upgradecheck.UpgradeCommands):  # type: ignore[misc]
    """Checks of frequent mistakes of operators."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        super().__init__()
        self._conf = conf

    def _check_schema(self) -> upgradecheck.Result:
        if not self._conf.database.connection:
            return upgradecheck.Result(
                upgradecheck.Code.FAILURE,
                'There is no [database] connection in the configuration.')
        try:
            db = session.Database(self._conf)
        except (ValueError, exception.Unavailable) as e:
            return upgradecheck.Result(upgradecheck.Code.FAILURE, str(e))
        try:
            present, head = migration.current(db), migration.head(db)
        finally:
            db.close()
        if present == head:
            return upgradecheck.Result(upgradecheck.Code.SUCCESS,
                                       f'It is at {present}.')
        return upgradecheck.Result(
            upgradecheck.Code.FAILURE,
            f'It is at {present or "nothing"}, this release needs {head}: '
            'run qinling-db-manage upgrade.')

    @contextlib.contextmanager
    def _create_orchestrator(self) -> Iterator[base.Orchestrator]:
        """Yield an orchestrator, closed afterwards.

        :raises PermanentError: the host lacks requirements.
        """
        with tempfile.TemporaryDirectory() as directory:
            orchestrator = drivers.load(
                'orchestrators', self._conf.engine.orchestrator)(
                    self._conf, directory)
            with contextlib.closing(orchestrator):
                yield orchestrator

    def _check_permissions(self) -> upgradecheck.Result:
        try:
            with self._create_orchestrator() as orchestrator:
                missing = orchestrator.find_missing_permissions()
        except (exception.PermanentError, exception.TemporaryError) as e:
            return upgradecheck.Result(upgradecheck.Code.FAILURE, str(e))
        if not missing:
            return upgradecheck.Result(upgradecheck.Code.SUCCESS,
                                       'None is missing.')
        return upgradecheck.Result(
            upgradecheck.Code.FAILURE,
            'Engines may not: ' + ', '.join(missing) + '. Apply the Role of '
            'this release in the namespace of the workers.')

    def _check_isolation(self) -> upgradecheck.Result:
        try:
            with self._create_orchestrator() as orchestrator:
                description = orchestrator.describe()
        except exception.PermanentError as e:
            return upgradecheck.Result(upgradecheck.Code.FAILURE, str(e))
        code = (upgradecheck.Code.WARNING
                if description.get('isolation', 'none').startswith(
                    WEAK_ISOLATION)
                or description.get('network policies', ENFORCED) != ENFORCED
                else upgradecheck.Code.SUCCESS)
        return upgradecheck.Result(code, '; '.join(
            f'{name}: {value}' for name, value in description.items()))

    _upgrade_checks = (('Database schema', _check_schema),
                       ('Isolation of workers', _check_isolation),
                       ('Permissions of engines', _check_permissions))


def main() -> None:
    """Run the checks and exit with the worst result as code."""
    conf = qinling_conf.register(cfg.ConfigOpts())
    sys.exit(upgradecheck.main(conf, 'qinling', Checks(conf)))
