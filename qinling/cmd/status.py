# SPDX-License-Identifier: Apache-2.0
"""``qinling-status upgrade check``: whether an installation is fit to run."""

import sys
import tempfile

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from qinling import conf as qinling_conf
from qinling.db import migration
from qinling.db import session
from qinling import drivers
from qinling import exception


class Checks(upgradecheck.UpgradeCommands):
    """The checks; each looks at one thing that operators get wrong."""

    def __init__(self, conf):
        super().__init__()
        self._conf = conf

    def _schema(self):
        if not self._conf.database.connection:
            return upgradecheck.Result(
                upgradecheck.Code.FAILURE,
                'There is no [database] connection in the configuration.')
        db = session.Database(self._conf)
        try:
            present, wanted = migration.current(db), migration.head(db)
        finally:
            db.close()
        if present == wanted:
            return upgradecheck.Result(upgradecheck.Code.SUCCESS,
                                       f'It is at {present}.')
        return upgradecheck.Result(
            upgradecheck.Code.FAILURE,
            f'It is at {present or "nothing"}, this release needs {wanted}: '
            'run qinling-db-manage upgrade.')

    def _isolation(self):
        conf = self._conf
        with tempfile.TemporaryDirectory() as directory:
            try:
                orchestrator = drivers.load(
                    'orchestrators', conf.engine.orchestrator)(conf, directory)
            except exception.PermanentError as e:
                return upgradecheck.Result(upgradecheck.Code.FAILURE, str(e))
            found = orchestrator.describe()
            orchestrator.close()
        code = (upgradecheck.Code.WARNING
                if found.get('isolation', 'none').startswith(
                    ('none', 'landlock'))
                else upgradecheck.Code.SUCCESS)
        return upgradecheck.Result(code, '; '.join(
            f'{name}: {value}' for name, value in found.items()))

    _upgrade_checks = (('Database schema', _schema),
                       ('Isolation of workers', _isolation))


def main():
    """Run the checks; the exit code is the worst result."""
    conf = qinling_conf.register(cfg.ConfigOpts())
    sys.exit(upgradecheck.main(conf, 'qinling', Checks(conf)))
