// SPDX-License-Identifier: Apache-2.0

'use strict';

// JSON whose values keep their content. A number of JavaScript keeps 15
// digits; longer integers become a BigInt. Values of which JSON.stringify
// would drop the content, such as a Map, cause an error.

// Copies, since the code of the user may replace the originals.
const { parse, stringify } = JSON;
const { isFinite, isSafeInteger } = Number;
const { keys } = Object;
const { toString } = Object.prototype;

const LONG_NUMBER = /\d{16}/;
const NUMBER = /-?\d[\d.eE+-]*/g;
const INTEGER = /^-?\d+$/;
const NO_BIGINT = /BigInt/;
// NaN, infinity and an invalid date become null, a Map becomes {}.
const LOSSY = /\bnull\b|\{\}/;
// Kinds of objects whose properties are their content.
const PLAIN = /^(?:Object|Arguments|String|Boolean|\w*Array)$/;
// Kinds with content beside properties.
const COLLECTIONS = /^(?:(?:Async)?Generator|(?:Weak)?(?:Map|Set))$/;
const MAX_NAME_LENGTH = 64; // in a sentence
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
// TypeError for a value without a value in JSON.
function stringifyExactly(value) {
  try {
    const text = stringify(value);
    if (!LOSSY.test(text) && !COLLECTIONS.test(kindOf(value))) return text;
  } catch (error) {
    if (!NO_BIGINT.test(error?.message)) throw error;
  }
  return stringify(value, replaceValue)?.replace(MARKED, '$1');
}

// Return the value to write in place of a value; throws a TypeError for a
// value that would lose its content. The value of ``this`` is the owner.
function replaceValue(name, value) {
  if (typeof value === 'object' && value !== null) {
    return replaceObject(name, value);
  }
  if (typeof value === 'number' && !isFinite(value)) {
    throw new TypeError(`The number ${value} has no value in JSON`);
  }
  if (value === null && kindOf(this[name]) === 'Date') {
    throw new TypeError(`The date${describePlace(name)} is invalid`);
  }
  return typeof value === 'bigint' ? MARK + value : value;
}

function replaceObject(name, value) {
  const kind = kindOf(value);
  if (kind === 'Number' || kind === 'BigInt') {
    return replaceValue.call({}, name, value.valueOf());
  }
  if (COLLECTIONS.test(kind)
    || (!PLAIN.test(kind) && keys(value).length === 0)) {
    const sentence = 'eturn its values in an array or an object';
    throw new TypeError(name === '' ? `R${sentence}`
      : `The ${kind}${describePlace(name)} has no value in JSON; r${sentence}`);
  }
  return value;
}

function describePlace(name) {
  return name === '' ? '' : ` at ${stringify(name.slice(0, MAX_NAME_LENGTH))}`;
}

function kindOf(value) {
  return toString.call(value).slice(8, -1);
}

module.exports = { parseExactly, stringifyExactly };
