// SPDX-License-Identifier: Apache-2.0

// The same, as an ES module.

import { setImmediate as turn } from 'node:timers/promises';
import behave from './main.js';

await turn();

export async function main(input, context) {
  await turn();
  return behave.main(input, context);
}
