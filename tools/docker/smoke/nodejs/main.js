// SPDX-License-Identifier: Apache-2.0

'use strict';

// What the image of a runtime is tested with: it adds, and tells what it is
// allowed to do.

const fs = require('node:fs');
const path = require('node:path');

// A line of what the kernel says about this process, as a number.
function status(name) {
  const lines = fs.readFileSync('/proc/self/status', 'utf8');
  return parseInt(new RegExp(`^${name}:\\s*(\\w+)`, 'm').exec(lines)[1], 16);
}

// Whether a file can be made in a directory.
function writable(directory) {
  const name = path.join(directory, 'qinling-smoke-test');
  try {
    fs.closeSync(fs.openSync(name, 'wx'));
  } catch {
    return false;
  }
  fs.unlinkSync(name);
  return true;
}

exports.main = ({ one, two }) => {
  console.log('Adding.');
  return {
    sum: one + two,
    uid: process.getuid(),
    language: process.version,
    capabilities: status('CapEff'),
    privileges: status('CapPrm'),
    no_new_privileges: status('NoNewPrivs'),
    writable: ['/', '/opt/qinling', '/usr', '/etc'].filter(writable),
    environment: Object.keys(process.env).sort(),
  };
};
