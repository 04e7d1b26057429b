// SPDX-License-Identifier: Apache-2.0

'use strict';

// What the conformance suite asks of every language, in JavaScript.

const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');

let executions = 0;

const behaviours = {
  input: (sent) => sent,
  echo: (sent) => sent.value,
  context: (_sent, context) => context.execution_id,
  long: (sent) => 'x'.repeat(sent.size),
  wait: () => sleep(60000),
  nothing: () => undefined,
  long_integer: (sent) => 10n ** BigInt(sent.size),
  unserialisable: () => globalThis,
  log() {
    console.log('one');
    process.stderr.write('two\n');
    fs.writeSync(2, 'thrée');
  },
  flood(sent) {
    for (let each = 0; each < sent.lines; each += 1) {
      console.log('x'.repeat(99));
    }
  },
  log_bytes() {
    fs.writeSync(1, Buffer.from('ff200020eda08020f09f9880201b5b316d0a', 'hex'));
  },
  fail(sent) {
    throw new TypeError(sent.reason ?? 'the reason');
  },
  deep(sent) {
    let result = 0;
    for (let each = 0; each < sent.size; each += 1) result = [result];
    return result;
  },
  end: (sent) => process.exit(sent.status),
  kill(sent) {
    process.kill(process.pid, sent.signal);
    return sleep(60000);
  },
  spin() {
    for (;;);
  },
  hoard() {
    const found = [];
    for (;;) found.push(String(found.length).repeat(1000).split(''));
  },
  count() {
    executions += 1;
    return executions;
  },
  async meet(sent) {
    fs.writeFileSync(sent.mine, '');
    while (!fs.existsSync(sent.other)) await sleep(5);
    return 'met';
  },
};

exports.main = (input, context) => (typeof input === 'string'
  ? input : behaviours[input.do ?? 'input'](input, context));
