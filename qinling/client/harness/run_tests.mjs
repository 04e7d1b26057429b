// SPDX-License-Identifier: Apache-2.0

// Function that runs the tests of a project in Node.js.

import { spawn } from 'node:child_process';

// Return a promise of the exit code of the tests.
export function main({ arguments: words }) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--test', ...words], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
