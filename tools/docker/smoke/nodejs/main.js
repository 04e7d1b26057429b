// SPDX-License-Identifier: Apache-2.0

'use strict';

// Test function for the image of a runtime: adds two numbers, and returns the
// permissions of the process.

const fs = require('node:fs');
const path = require('node:path');

// Return a line of /proc/self/status as a number.
function readStatus(name) {
  const lines = fs.readFileSync('/proc/self/status', 'utf8');
  return parseInt(new RegExp(`^${name}:\\s*(\\w+)`, 'm').exec(lines)[1], 16);
}

// Return whether the process can create files in a directory.
function isWritable(directory) {
  const name = path.join(directory, 'qinling-smoke-test');
  try {
    fs.closeSync(fs.openSync(name, 'wx'));
  } catch {
    return false;
  }
  fs.unlinkSync(name);
  return true;
}

exports.main = ({ first, second }) => {
  console.log('Adding.');
  return {
    sum: first + second,
    uid: process.getuid(),
    language: process.version,
    capabilities: readStatus('CapEff'),
    privileges: readStatus('CapPrm'),
    no_new_privileges: readStatus('NoNewPrivs'),
    writable: ['/', '/opt/qinling', '/usr', '/etc'].filter(isWritable),
    environment: Object.keys(process.env).sort(),
  };
};
