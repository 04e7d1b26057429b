//    Licensed under the Apache License, Version 2.0 (the "License"); you may
//    not use this file except in compliance with the License. You may obtain
//    a copy of the License at
//
//         http://www.apache.org/licenses/LICENSE-2.0
//
//    Unless required by applicable law or agreed to in writing, software
//    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
//    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
//    License for the specific language governing permissions and limitations
//    under the License.

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
