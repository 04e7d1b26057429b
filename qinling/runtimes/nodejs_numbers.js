// SPDX-License-Identifier: Apache-2.0

'use strict';

// JSON whose numbers keep their value. A number of JavaScript keeps 15 digits;
// longer integers become a BigInt.

// Copies, since the code of the user may replace the originals.
const { parse, stringify } = JSON;
const { isFinite, isSafeInteger } = Number;

const LONG_NUMBER = /\d{16}/;
const NUMBER = /-?\d[\d.eE+-]*/g;
const INTEGER = /^-?\d+$/;
const NO_BIGINT = /BigInt/;
// NaN and infinity become null.
const NULL = /\bnull\b/;
// Begins texts that stand for a BigInt.
const MARK = `BigInt ${Math.random().toString(36).slice(2)} `;
const MARKED = new RegExp(`"${MARK}(-?\\d+)"`, 'g');

// Return the value of a JSON text.
function parseExactly(text) {
  if (!LONG_NUMBER.test(text)) return parse(text);
  return parse(markIntegers(text), (_name, value) => (
    typeof value === 'string' && value.startsWith(MARK)
      ? BigInt(value.slice(MARK.length)) : value));
}

// Replace long integers by texts.
function markIntegers(text) {
  let inText = false;
  return text.split('"').map((part) => {
    const marked = inText ? part : part.replace(NUMBER, markInteger);
    if (!inText || !endsWithEscape(part)) inText = !inText;
    return marked;
  }).join('"');
}

function markInteger(number) {
  return INTEGER.test(number) && !isSafeInteger(Number(number))
    ? `"${MARK}${number}"` : number;
}

// Return whether a part of a text in JSON ends within an escape.
function endsWithEscape(part) {
  let end = part.length;
  while (part[end - 1] === '\\') end -= 1;
  return (part.length - end) % 2 === 1;
}

// Return the JSON text of a value, undefined for a value without; throws a
// TypeError for a number without a value in JSON.
function stringifyExactly(value) {
  try {
    const text = stringify(value);
    if (!NULL.test(text)) return text;
  } catch (error) {
    if (!NO_BIGINT.test(error?.message)) throw error;
  }
  return stringify(value, replaceNumber)?.replace(MARKED, '$1');
}

function replaceNumber(_name, value) {
  if (typeof value === 'number' && !isFinite(value)) {
    throw new TypeError(`The number ${value} has no value in JSON`);
  }
  return typeof value === 'bigint' ? MARK + value : value;
}

module.exports = { parseExactly, stringifyExactly };
