# SPDX-License-Identifier: Apache-2.0
"""``qinling-status upgrade check``: checks of an installation."""

import sys
import tempfile

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from qinling import conf as qinling_conf
from qinling.db import migration
from qinling.db import session
from qinling import drivers
from qinling import exception

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
        db = session.Database(self._conf)
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

    def _check_isolation(self) -> upgradecheck.Result:
        conf = self._conf
        with tempfile.TemporaryDirectory() as directory:
            try:
                orchestrator = drivers.load(
                    'orchestrators', conf.engine.orchestrator)(conf, directory)
            except exception.PermanentError as e:
                return upgradecheck.Result(upgradecheck.Code.FAILURE, str(e))
            description = orchestrator.describe()
            orchestrator.close()
        code = (upgradecheck.Code.WARNING
                if description.get('isolation', 'none').startswith(
                    WEAK_ISOLATION)
                or description.get('network policies', ENFORCED) != ENFORCED
                else upgradecheck.Code.SUCCESS)
        return upgradecheck.Result(code, '; '.join(
            f'{name}: {value}' for name, value in description.items()))

    _upgrade_checks = (('Database schema', _check_schema),
                       ('Isolation of workers', _check_isolation))


def main() -> None:
    """Run the checks and exit with the worst result as code."""
    conf = qinling_conf.register(cfg.ConfigOpts())
    sys.exit(upgradecheck.main(conf, 'qinling', Checks(conf)))
