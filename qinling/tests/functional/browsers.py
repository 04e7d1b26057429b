# SPDX-License-Identifier: Apache-2.0
"""Headless Chromium for tests of the web interface."""

import pathlib
import shutil
import subprocess
import unittest

#: Programs that a distribution may install.
PROGRAMS = ('chromium', 'chromium-browser', 'google-chrome')
AXE = 'axe-core@4.10.3'
#: Milliseconds that an element may take to appear.
TIMEOUT_MS = 8000
#: Messages of a page that does what it is told to do in a test.
EXPECTED = ('Failed to load resource', 'net::ERR_CONNECTION_REFUSED',
            'Password field is not contained in a form')


def find_program():
    """Return the path of Chromium.

    :raises SkipTest: Chromium is not installed.
    """
    path = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if path is None:
        raise unittest.SkipTest(
            f'Needs one of {", ".join(PROGRAMS)} to drive a browser.')
    return path


class Browser:
    """One Chromium, with a fresh page for each test."""

    def __init__(self):
        path = find_program()
        from playwright import sync_api
        self.manager = sync_api.sync_playwright().start()
        self.chromium = self.manager.chromium.launch(
            executable_path=path, args=['--no-sandbox'])

    def open(self, url, width=1280, scheme='dark'):
        """Return a page and the list of its unexpected messages."""
        context = self.chromium.new_context(
            viewport={'width': width, 'height': 800}, color_scheme=scheme,
            reduced_motion='reduce')
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        messages = []

        def note_message(message):
            text = message.text
            if message.type in ('error', 'warning') and not any(
                    part in text for part in EXPECTED):
                messages.append(text)
        page.on('console', note_message)
        page.on('pageerror', lambda error: messages.append(str(error)))
        page.goto(url)
        return page, messages

    def close(self):
        """Stop the browser."""
        self.chromium.close()
        self.manager.stop()


def fetch_axe():
    """Return the script of axe, from the registry of npm.

    :raises SkipTest: there is no npm, or no registry.
    """
    if not shutil.which('npm'):
        raise unittest.SkipTest('Needs npm to fetch axe-core.')
    # Others cannot write there.
    directory = pathlib.Path.home() / '.cache' / 'qinling-tests' / AXE
    script = directory / 'package' / 'axe.min.js'
    if not script.exists():
        directory.mkdir(exist_ok=True, parents=True)
        process = subprocess.run(
            ['npm', 'pack', AXE], cwd=directory, capture_output=True,
            text=True, timeout=60)
        if process.returncode:
            raise unittest.SkipTest(f'npm cannot fetch {AXE}.')
        shutil.unpack_archive(
            directory / process.stdout.split()[-1], directory, 'gztar')
    return script.read_text()
