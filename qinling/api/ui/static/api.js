// SPDX-License-Identifier: Apache-2.0
/**
 * Client of the REST API.  Credentials stay in the memory of the page.
 *
 * @typedef {{auth: string, version: string, api_url: string}} Options
 * @typedef {{data: any, error: ?ApiError, reload: function(): Promise}} Poll
 */
import { useEffect, useLayoutEffect, useRef, useState } from './vendor/htm-preact.js';

export const ROOT = '../v1';
/** What the page has read and asked for before this module. */
const { early } = window;
/** Paths of the lists that the page may ask for early. */
export const LISTS = early.lists;
const POLL_MS = 2500;
const MAX_CACHED = 300;
const EARLY_MS = 150;
/** What was read within this time is not read again for another view. */
const FRESH_MS = 300;

/** Error with the sentence of the API; `status` 0 means no answer. */
export class ApiError extends Error {
  constructor(status, code, sentence) {
    super(sentence);
    this.status = status;
    this.code = code;
  }
}

const session = { options: early.options, headers: {}, user: '' };
const cache = new Map();
const denied = new Map();
/** Path of a read that the policy refuses -> sentence of the API. */
const refusals = new Map();
const listeners = new Set();
export const connection = { down: false,
  needsLogin: session.options.auth !== 'noauth' };

/** Call a function after each change of the connection or the rights. */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function notify(changes) {
  if (Object.keys(changes).every(
    (key) => connection[key] === changes[key])) return;
  Object.assign(connection, changes);
  listeners.forEach((listener) => listener());
}

/** Return why the policy refuses an action, or undefined. */
export function reasonDenied(policy) {
  return denied.get(policy);
}

/** Return the sentences about what the present view may not read. */
export function listRefusals() {
  return [...new Set(refusals.values())].sort();
}

function setRefusal(path, sentence) {
  if (refusals.get(path) === sentence) return;
  if (sentence) refusals.set(path, sentence);
  else refusals.delete(path);
  listeners.forEach((listener) => listener());
}

export function getOptions() { return session.options; }
export function getUser() { return session.user; }

/** Ask whether the API answers again; the banner says the answer. */
export function probe() {
  return fetchOrFail('config.json', {}).catch(() => {});
}

async function fetchOrFail(url, init, started) {
  try {
    // Without credentials, the browser never asks for a password itself.
    const answer = await started || await fetch(
      url, { credentials: 'omit', ...init });
    if (answer.status !== 502 && answer.status !== 504) {
      notify({ down: false });
      return answer;
    }
  } catch (error) {
    if (error.name === 'AbortError') throw error;
  }
  notify({ down: true });
  throw new ApiError(0, 'down', 'The API does not answer.');
}

/** Log in, and raise ApiError for wrong credentials. */
export async function login(values) {
  const { user, password } = values;
  if (session.options.auth === 'http_basic') {
    const bytes = new TextEncoder().encode(`${user}:${password}`);
    session.headers = {
      Authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
  } else {
    const answer = await fetchOrFail('login', {
      method: 'POST', body: JSON.stringify(values),
      headers: { 'Content-Type': 'application/json' } });
    if (!answer.ok) throw await toError(answer);
    session.headers = { 'X-Auth-Token': (await answer.json()).token };
  }
  try {
    await call('GET', '/runtimes?limit=1');
  } catch (error) {
    if (error.status !== 403) {
      session.headers = {};
      throw error;
    }
  }
  session.user = user;
  notify({ needsLogin: false });
}

/** Forget the credentials and everything that was read with them. */
export function logout() {
  session.headers = {};
  session.user = '';
  cache.clear();
  denied.clear();
  refusals.clear();
  notify({ needsLogin: true });
}

async function toError(answer) {
  let body = {};
  try { body = await answer.json(); } catch { /* Not every proxy is JSON. */ }
  return new ApiError(answer.status, body.code,
    body.detail || body.faultstring || `The API answered ${answer.status}.`);
}

/**
 * Send a request and return the parsed answer.
 *
 * @param {string} policy key under which a refusal by policy is remembered
 */
export async function call(method, path, body, { policy, headers, as } = {}) {
  const isForm = body instanceof FormData;
  const init = { method, headers: { ...session.headers, ...headers,
    Accept: 'application/json, application/problem+json' } };
  if (body !== undefined) {
    init.body = isForm || typeof body === 'string'
      ? body : JSON.stringify(body);
    if (!isForm && !init.headers['Content-Type']) {
      init.headers['Content-Type'] = 'application/json';
    }
  }
  const known = method === 'GET' && !as ? cache.get(path) : null;
  if (known?.tag) init.headers['If-None-Match'] = known.tag;
  const answer = await fetchOrFail(ROOT + path, init,
    method === 'GET' ? takeEarly(path) : null);
  if (answer.status === 304) return known.data;
  if (!answer.ok) await refuse(answer, method, policy);
  if (as === 'bytes') return new Uint8Array(await answer.arrayBuffer());
  if (as === 'answer') return answer;
  if (as === 'text') return answer.text();
  const text = await answer.text();
  const data = text ? JSON.parse(text) : null;
  const tag = answer.headers.get('ETag');
  if (method === 'GET' && !as) {
    if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value);
    cache.set(path, { tag, data, at: Date.now() });
  }
  return data;
}

function takeEarly(path) {
  if (early.path !== path) return null;
  early.path = null;
  return early.answer;
}

/** Wait shortly for the first rows: one picture instead of two. */
export async function waitForRows() {
  if (!early.path) return;
  await Promise.race([call('GET', early.path).catch(() => {}),
    new Promise((resolve) => setTimeout(resolve, EARLY_MS))]);
}

async function refuse(answer, method, policy) {
  const error = await toError(answer);
  if (answer.status === 401 && session.options.auth !== 'noauth') {
    notify({ needsLogin: true });
  }
  if (answer.status === 403 && error.code === 'policy_forbidden' && policy) {
    denied.set(policy, error.message);
    listeners.forEach((listener) => listener());
  }
  throw error;
}

/**
 * Read a path now and again while the page is visible.  While the API is away
 * the last data remain; what an earlier view has read is there at once.
 *
 * @param {?string} path `null` reads nothing
 * @param {boolean} isLate whether the page is painted before the first read
 * @return {Poll}
 */
export function usePoll(path, { every = POLL_MS, as, until, isLate } = {}) {
  const [state, setState] = useState(() => ({ path, error: null,
    data: (!as && cache.get(path)?.data) || null }));
  const load = useRef(null);
  // An ordinary effect asks the API only after the page is painted.
  const run = isLate ? useEffect : useLayoutEffect;
  run(() => {
    if (!path) return undefined;
    let timer = null;
    let stopped = false;
    const read = async () => {
      clearTimeout(timer);
      let next = null;
      try {
        next = { path, data: await call('GET', path, undefined, { as }),
          error: null };
        if (!stopped) {
          setRefusal(path);
          setState((last) => (last.path === path && !last.error
            && last.data === next.data ? last : next));
        }
      } catch (error) {
        if (!stopped) {
          setRefusal(path, error.status === 403 ? error.message : undefined);
          // What is gone or refused is not shown any more.
          const isGone = [403, 404].includes(error.status);
          if (isGone) cache.delete(path);
          setState((last) => ({ path, error,
            data: last.path === path && !isGone ? last.data : null }));
        }
      }
      const isFinal = next && until && until(next.data);
      if (!stopped && every && !isFinal) timer = setTimeout(tick, every);
    };
    const tick = () => (document.hidden ? null : read());
    const wake = () => (document.hidden ? null : read());
    load.current = read;
    if (!as && cache.get(path)?.at > Date.now() - FRESH_MS) {
      timer = setTimeout(tick, every || FRESH_MS);
    } else read();
    document.addEventListener('visibilitychange', wake);
    return () => {
      stopped = true;
      setRefusal(path);
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', wake);
    };
  }, [path, every]);
  const isCurrent = state.path === path;
  return { data: isCurrent ? state.data : null,
    error: isCurrent ? state.error : null,
    reload: () => (load.current ? load.current() : null) };
}

/**
 * Read a list page by page; the first page is read again and again.
 *
 * @param {string} path with a query that has a limit
 */
export function useList(path, key, { every = POLL_MS } = {}) {
  const first = usePoll(path, { every });
  const [more, setMore] = useState({ path, rows: [], next: undefined });
  const busy = useRef(false);
  const own = more.path === path ? more : { rows: [], next: undefined };
  const head = first.data ? first.data[key] : [];
  const next = own.next === undefined ? first.data?.next : own.next;
  const seen = new Set(head.map((row) => row.id));
  const rows = [...head, ...own.rows.filter((row) => !seen.has(row.id))];
  const loadMore = async () => {
    if (!next || busy.current) return;
    busy.current = true;
    try {
      const page = await call('GET', next.slice(next.indexOf('/v1/') + 3));
      // The rows at the end of the first page may move out of it.
      setMore((last) => ({ path, next: page.next || null, rows: [
        ...(last.path === path && last.rows.length ? last.rows : head),
        ...page[key]] }));
    } catch { /* The banner says so; scrolling tries again. */ }
    busy.current = false;
  };
  return { ...first, rows, hasMore: Boolean(next), loadMore };
}
