// SPDX-License-Identifier: Apache-2.0

'use strict';

// Streamed result of a function in Node.js: the items of an async iterable.
// python_stream.py has the rules: texts, and bytes of UTF-8, are joined; other
// values become a list; a head may come before texts.

// Copies, since the code of the user may replace the originals.
const { asyncIterator } = Symbol;
const { isArray } = Array;
const { isView } = ArrayBuffer;
const { keys } = Object;
const { toString } = Object.prototype;
const { byteLength } = Buffer;
const Decoder = TextDecoder;

const HEAD_KEYS = new Set(['status_code', 'headers']);
const GENERATOR = '[object Generator]';

// Return whether a result is an async iterable or a generator.
function isStream(output) {
  return typeof output === 'object' && output !== null
    && (typeof output[asyncIterator] === 'function'
      || toString.call(output) === GENERATOR);
}

// Items of a stream. encode returns the JSON of a value; send sends the JSON
// of an item, if not null; fail throws an error with a sentence and a reason.
class OutputStream {
  constructor({ encode, send, fail, limit }) {
    Object.assign(this, { encode, send, fail, limit });
    this.head = null;
    this.decoder = null;
    this.texts = null;
    this.values = [];
    this.size = 2;
  }

  // Send the items of an output; return a promise of the JSON of all.
  async join(output) {
    for await (const item of output) this.add(item);
    if (this.decoder) this.addText(this.decode(new Uint8Array(), false));
    if (this.texts === null) return `[${this.values.join(', ')}]`;
    const text = this.encode(this.texts.join(''));
    return this.head === null ? text
      : `${this.head.slice(0, -1)}, "body": ${text}}`;
  }

  add(item) {
    if (typeof item === 'string') this.addText(item);
    else if (isView(item)) this.addText(this.decode(item, true));
    else if (this.texts !== null) {
      this.fail(`The function yielded a value of type ${typeof item} after `
        + 'texts; yield either texts (strings or bytes of UTF-8), or other '
        + 'values.', 'invalid_output');
    } else {
      const text = this.encode(item);
      if (this.values.length === 0 && isHead(item)) {
        this.head = text;
        this.texts = [];
      } else this.values.push(text);
      this.countAndSend(text, byteLength(text) + 2);
    }
  }

  addText(item) {
    if (this.values.length) {
      this.fail('The function yielded a text after other values; yield either '
        + 'texts, or other values.', 'invalid_output');
    }
    this.texts ??= [];
    if (item === '') return;
    const text = this.encode(item);
    this.texts.push(item);
    this.countAndSend(text, byteLength(text) - 2);
  }

  decode(data, stream) {
    this.decoder ??= new Decoder('utf-8', { fatal: true, ignoreBOM: true });
    try {
      return this.decoder.decode(data, { stream });
    } catch {
      return this.fail('The function yielded bytes that are no UTF-8.',
        'invalid_output');
    }
  }

  countAndSend(text, size) {
    this.size += size;
    if (this.size > this.limit) {
      this.fail('The result of the function is longer than the limit of '
        + `${this.limit} bytes; yield less.`, 'output_too_large');
    }
    if (this.send) this.send(`{"chunk": ${text}}`);
  }
}

function isHead(item) {
  return typeof item === 'object' && item !== null && !isArray(item)
    && 'status_code' in item && keys(item).every((key) => HEAD_KEYS.has(key));
}

module.exports = { OutputStream, isStream };
