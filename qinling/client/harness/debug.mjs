// SPDX-License-Identifier: Apache-2.0

// Function that runs a function of a user under the inspector of Node.js.
//
// A file names the function and the port, since input and environment belong to
// the user.

import fs from 'node:fs';
import inspector from 'node:inspector';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const HOST = '127.0.0.1';
const SUFFIXES = ['', '.js', '.mjs', '.cjs', '/index.js'];
const { entry, port } = JSON.parse(
  fs.readFileSync(new URL('debug.json', import.meta.url)));
const dot = entry.lastIndexOf('.');
const module = entry.slice(0, dot);
const file = [module, module.replaceAll('.', '/')]
  .flatMap((name) => SUFFIXES.map((suffix) => path.resolve(name + suffix)))
  .find((name) => fs.statSync(name, { throwIfNoEntry: false })?.isFile());
if (!file) throw new Error(`The package has no module ${module}.`);
const namespace = await import(pathToFileURL(file));
const name = entry.slice(dot + 1);
const loaded = namespace[name] ?? namespace.default?.[name];
if (typeof loaded !== 'function') {
  throw new Error(`The module ${module} has no function ${name}.`);
}

// Listen for an editor, and wait until it has set its breakpoints.
function waitForEditor() {
  inspector.open(port, HOST);
  console.log(`Waiting for a debugger of Node.js at ${HOST}:${port}.`);
  inspector.waitForDebugger();
}

// Call the function after an editor has attached.
function run(...words) {
  waitForEditor();
  return loaded(...words);
}

// A function with a callback has three parameters.
export const main = loaded.length < 3 ? run
  : (input, context, callback) => run(input, context, callback);
