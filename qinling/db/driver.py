# SPDX-License-Identifier: Apache-2.0
"""Check of the driver in the URL of the database."""

import sqlalchemy

#: Drivers that the service knows, by database.
DRIVERS = {'postgresql': ('psycopg', 'psycopg2'),
           'mysql': ('pymysql', 'mysqldb'),
           'mariadb': ('pymysql', 'mysqldb'), 'sqlite': ('pysqlite',)}


def check_driver(connection: str) -> None:
    """Raise ``ValueError`` unless the driver in a URL can be used."""
    advice = ('use postgresql+psycopg://, with the extra "postgresql", or '
              'mysql+pymysql://, with the extra "mysql"')
    try:
        url = sqlalchemy.make_url(connection)
        drivers = DRIVERS.get(url.get_backend_name(), ())
        if url.get_driver_name() not in drivers:
            raise ValueError(f'[database] connection names the driver '
                             f'{url.drivername}, which is not supported; '
                             f'{advice}.')
        url.get_dialect().import_dbapi()
    except sqlalchemy.exc.ArgumentError:
        # Without the text, which may contain a password.
        raise ValueError('[database] connection is not a URL of a database; '
                         f'{advice}.') from None
    except ImportError as e:
        raise ValueError(f'The driver in [database] connection is not '
                         f'installed ({e}); {advice}.') from None
