// SPDX-License-Identifier: Apache-2.0
/** Pure functions between values of the API and text. */

/** Return a duration in seconds as text. */
export function seconds(value) {
  if (value === null || value === undefined) return '–';
  if (value < 0.001) return `${Math.round(value * 1e6)} µs`;
  if (value < 1) return `${(value * 1000).toPrecision(3).replace(/\.?0+$/, '')
    .replace(/e\+.*/, '')} ms`;
  if (value < 60) return `${value.toFixed(value < 10 ? 2 : 1)} s`;
  if (value < 3600) {
    return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
  }
  return `${Math.floor(value / 3600)} h ${Math.round(value % 3600 / 60)} min`;
}

/** Return a number of bytes as text. */
export function bytes(value) {
  if (value === null || value === undefined) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value)
    : Number(value.toFixed(1))} ${units[unit]}`;
}

/** Return a share of 0 to 1 in percent. */
export function percent(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  const number = value * 100;
  return `${number >= 10 || number === 0 ? Math.round(number)
    : Number(number.toFixed(1))} %`;
}

/** Return the distance of a time from now. */
export function ago(text, now = Date.now()) {
  if (!text) return '–';
  const difference = (now - parseTime(text)) / 1000;
  const size = Math.abs(difference);
  const [amount, unit] = size < 60 ? [size, 's'] : size < 3600
    ? [size / 60, 'min'] : size < 86400 ? [size / 3600, 'h']
      : [size / 86400, 'd'];
  if (size < 2) return 'now';
  return difference >= 0 ? `${Math.floor(amount)} ${unit} ago`
    : `in ${Math.floor(amount)} ${unit}`;
}

/** Return the milliseconds of a time of the API, which is UTC. */
export function parseTime(text) {
  return Date.parse(/[zZ]|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`);
}

/** Return a time in a zone, for instance 2026-01-31 12:00:00. */
export function time(text, zone) {
  if (!text) return '–';
  return new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short',
    timeStyle: 'medium', timeZone: zone || undefined })
    .format(parseTime(text));
}

/**
 * Return the lower and the upper end of the 95 % interval of a share (Wilson).
 */
export function interval(hits, count) {
  if (!count) return [0, 1];
  const z = 1.96;
  const share = hits / count;
  const scale = 1 + z * z / count;
  const middle = (share + z * z / (2 * count)) / scale;
  const half = z / scale * Math.sqrt(
    share * (1 - share) / count + z * z / (4 * count * count));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

/** Return a value of the API as readable text. */
export function pretty(value) {
  if (value === null || value === undefined || value === '') return '';
  if (typeof value !== 'string') return JSON.stringify(value, null, 2);
  try {
    const parsed = JSON.parse(value);
    return typeof parsed === 'string' ? parsed
      : JSON.stringify(parsed, null, 2);
  } catch {
    return value;
  }
}

/** Return the output in the result of an execution as text. */
export function output(result) {
  if (!result) return '';
  try {
    const parsed = typeof result === 'string' ? JSON.parse(result) : result;
    return pretty(parsed.output === undefined ? parsed : parsed.output);
  } catch {
    return String(result);
  }
}

/** Return a word of a shell. */
export function quote(word) {
  const text = String(word);
  return /^[\w@%+=:,./-]+$/.test(text) ? text
    : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Return an action as a command of curl.
 *
 * @param {string} auth the strategy; credentials are variables of the shell
 * @param {?string} file receives the answer
 */
export function curl(url, method, path, body, auth, file) {
  const words = ['curl', '-X', method];
  const tail = file ? ['-o', quote(file)] : [];
  if (auth === 'http_basic') tail.push('-u "$USER_AND_PASSWORD"');
  if (auth === 'keystone') tail.push('-H "X-Auth-Token: $TOKEN"');
  if (body !== undefined) {
    tail.push("-H 'Content-Type: application/json'",
      `-d ${quote(JSON.stringify(body))}`);
  }
  return [...words, quote(`${url}/v1${path}`), ...tail].join(' ');
}

/** Return a query without empty values, with a question mark. */
export function query(values) {
  const pairs = Object.entries(values).filter(
    ([, value]) => value !== '' && value !== null && value !== undefined);
  return pairs.length ? `?${new URLSearchParams(pairs)}` : '';
}

/** Return the path and the query of a location's hash. */
export function parseHash(hash) {
  const [path, search = ''] = hash.replace(/^#/, '').split('?', 2);
  return { words: path.split('/').filter(Boolean).map(decode),
    query: Object.fromEntries(new URLSearchParams(search)) };
}

function decode(word) {
  try { return decodeURIComponent(word); } catch { return word; }
}

/** Return the lines of a unified difference with their kind. */
export function diffLines(text) {
  return (text || '').split('\n').map((line) => ({ line,
    kind: /^(\+\+\+|---|@@)/.test(line) ? 'head' : line[0] === '+' ? 'added'
      : line[0] === '-' ? 'removed' : 'same' }));
}

/**
 * Return the stages of an execution, each with start and length in seconds.
 */
export function stages(row) {
  const queued = (row.queue_ms || 0) / 1000;
  const imported = (row.import_ms || 0) / 1000;
  const ran = row.duration || 0;
  const total = row.ended_at
    ? (parseTime(row.ended_at) - parseTime(row.created_at)) / 1000 : 0;
  const parts = [['queued', Math.max(0, queued)],
    [row.cold ? 'import (cold)' : 'import', imported], ['run', ran]];
  const used = parts.reduce((sum, [, length]) => sum + length, 0);
  // The times of the API are whole seconds: less than one is not a stage.
  if (total - used >= 1) parts.splice(1, 0, ['start', total - used]);
  let start = 0;
  return parts.map(([name, length]) => {
    const stage = { name, start, length };
    start += length;
    return stage;
  });
}

/**
 * Return [version, weight] of each target of an alias.
 *
 * The first is the version of the alias itself, or that with most weight.
 */
export function weights(alias) {
  const routed = Object.entries(alias.routing || {}).map(
    ([version, weight]) => [Number(version), weight]);
  if (!routed.length) return [[alias.function_version, 1]];
  const rank = ([version, weight]) => (
    version === alias.function_version ? 2 : weight);
  return routed.sort((one, two) => rank(two) - rank(one));
}

/** Return the targets of an alias as a text. */
export function describeTraffic(alias) {
  return weights(alias).map(([version, weight]) => `v${version}${weight < 1
    ? ` ${percent(weight)}` : ''}`).join(', ');
}
