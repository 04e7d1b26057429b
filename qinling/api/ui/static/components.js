// SPDX-License-Identifier: Apache-2.0
/**
 * Parts that the views share.  Preact escapes every text.
 *
 * @typedef {{title: string, cell: function(object): any, width: ?string,
 *            numeric: ?boolean, sort: ?string}} Column
 */
import { html, useEffect, useRef, useState } from './vendor/htm-preact.js';
import { connection, getOptions, listRefusals, reasonDenied, subscribe }
  from './api.js';
import { ago, curl, time } from './format.js';

const KINDS = {
  success: 'good', available: 'good', running: 'info', done: 'good',
  fired: 'good', succeeded: 'good', backfilled: 'good', failed: 'bad',
  error: 'bad', rolled_back: 'bad', cancelled: 'muted', aborted: 'muted',
  refused: 'bad', skipped: 'warn', paused: 'warn', creating: 'info',
  planned: 'info', active: 'good' };

/** Render again after each change of the connection or the rights. */
export function useSession() {
  const [, setCount] = useState(0);
  useEffect(() => subscribe(() => setCount((count) => count + 1)), []);
  return connection;
}

export function Badge({ status, kind, children }) {
  return html`<span class="badge ${kind || KINDS[status] || 'muted'}">
    ${status ? html`<span class="dot"></span>` : null}${children || status}
  </span>`;
}

export function Time({ value, zone }) {
  return value
    ? html`<time datetime=${value} title=${time(value, zone)}>${ago(value)}
      </time>` : html`<span class="muted">–</span>`;
}

export function Id({ value }) {
  return html`<code class="id" title=${value}>${(value || '').slice(0, 8)}
  </code>`;
}

/** Title of a view with its actions, and what the caller may not see. */
export function Header({ title, parent, children, badge, sub }) {
  useSession();
  const refusals = listRefusals();
  return html`<header class="view-head"><div>
    ${parent ? html`<a class="crumb" href=${parent[1]}>${parent[0]}</a>` : ''}
    <h1>${title} ${badge}</h1>${sub ? html`<p class="sub">${sub}</p>` : ''}
    ${refusals.length ? html`<p class="denied" role="note">Not shown:
      ${` ${refusals.join(' ')}`}</p>` : ''}
    </div><div class="actions">${children}</div></header>`;
}

export function Card({ title, children, aside, wide }) {
  return html`<section class="card ${wide ? 'wide' : ''}">
    ${title ? html`<div class="card-head"><h2>${title}</h2>${aside}</div>` : ''}
    ${children}</section>`;
}

export function Figure({ label, value, note }) {
  return html`<div class="figure"><span class="label">${label}</span>
    <strong>${value}</strong>${note
  ? html`<span class="muted">${note}</span>` : ''}</div>`;
}

export function Empty({ title, children, command }) {
  return html`<div class="empty"><div class="glyph" aria-hidden="true"></div>
    <h2>${title}</h2><p>${children}</p>
    ${command ? html`<${Copy} text=${command} />` : ''}</div>`;
}

/** State of a read without data: skeleton, refusal or error. */
export function Waiting({ error, reload }) {
  if (!error) {
    return html`<div class="skeleton" role="status" aria-label="Loading">
      <i></i><i></i><i></i></div>`;
  }
  if (error.status === 403) {
    return html`<${Empty} title="You may not see this">${error.message}<//>`;
  }
  if (error.status === 404) {
    return html`<${Empty} title="Not here">${error.message}<//>`;
  }
  return html`<div class="empty"><h2>No data</h2><p>${error.message}</p>
    <button onClick=${reload}>Try again</button></div>`;
}

/** Text with a button that copies it. */
export function Copy({ text }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try { await navigator.clipboard.writeText(text); } catch { return; }
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return html`<span class="copy"><code>${text}</code>
    <button class="quiet" onClick=${copy} aria-label="Copy">
    ${copied ? 'Copied' : 'Copy'}</button></span>`;
}

/**
 * Actions of a view as commands.
 *
 * @param {Array} actions lists of title, CLI arguments, method, path, body and
 *   file for the answer
 */
export function Commands({ actions }) {
  const [isOpen, setOpen] = useState(false);
  const options = getOptions();
  return html`<section class="commands"><button class="quiet"
    aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>
    ${'>_'} Commands for this view</button>
    ${isOpen ? actions.map(([title, cli, method, path, body, file]) => html`
      <div class="command"><h3>${title}</h3>
      <${Copy} text=${`qinling ${cli}`} />
      <${Copy} text=${curl(options.api_url, method, path, body,
    options.auth, file)} /></div>`) : ''}</section>`;
}

/**
 * Button for one action.  After a refusal by policy the reason replaces it.
 *
 * @param {function(): Promise} run the action
 * @param {string} policy name of the action
 * @param {?string} confirm question before the action
 */
export function Action({ label, run, policy, confirm, kind = '', disabled }) {
  const session = useSession();
  const [isBusy, setBusy] = useState(false);
  const [isAsked, setAsked] = useState(false);
  const reason = reasonDenied(policy);
  if (reason) {
    return html`<span class="denied" title=${reason}>${label}: ${reason}
    </span>`;
  }
  const start = async () => {
    setAsked(false);
    setBusy(true);
    try { await run(); } catch (error) { toast(error.message, 'bad'); }
    setBusy(false);
  };
  if (isAsked) {
    return html`<span class="confirm" role="alertdialog" aria-label=${label}>
      <span>${confirm}</span><button class="danger" onClick=${start}>
      ${label}</button><button class="quiet" onClick=${() => setAsked(false)}>
      Keep</button></span>`;
  }
  return html`<button class=${kind} disabled=${disabled || isBusy
    || session.down} onClick=${confirm ? () => setAsked(true) : start}>
    ${label}</button>`;
}

let showToast = () => {};

/** Show a sentence for some seconds. */
export function toast(text, kind = 'good') { showToast({ text, kind }); }

export function Toasts() {
  const [message, setMessage] = useState(null);
  showToast = setMessage;
  useEffect(() => {
    if (!message) return undefined;
    const timer = setTimeout(() => setMessage(null), 6000);
    return () => clearTimeout(timer);
  }, [message]);
  return html`<div class="toasts" role="status">${message
    ? html`<div class="toast ${message.kind}">${message.text}</div>` : ''}
  </div>`;
}

/**
 * Table that renders the visible rows only, and asks for more at its end.
 *
 * @param {{columns: Column[], rows: object[]}} properties
 */
export function Table({ columns, rows, href, onEnd, label, height = 44 }) {
  const box = useRef(null);
  // The first picture has the rows that are seen, and none beyond.
  const [view, setView] = useState(
    { top: 0, size: Math.ceil(window.innerHeight / height / 2), spare: 0 });
  const measure = () => {
    if (!box.current) return;
    const { scrollTop, clientHeight, scrollHeight } = box.current;
    const top = Math.floor(scrollTop / height);
    const size = Math.ceil(clientHeight / height) || 20;
    setView((last) => (last.spare && last.top === top && last.size === size
      ? last : { top, size, spare: 10 }));
    if (onEnd && scrollTop + clientHeight > scrollHeight - 20 * height) {
      onEnd();
    }
  };
  useEffect(() => {
    measure();
    window.addEventListener('resize', measure);
    return () => window.removeEventListener('resize', measure);
  }, [rows.length]);
  const first = Math.max(0, Math.min(view.top, rows.length) - view.spare);
  const last = Math.min(rows.length, view.top + view.size + view.spare);
  const filler = (count) => (count > 0 ? html`<tr aria-hidden="true"
    class="filler" style=${{ height: `${count * height}px` }}></tr>` : '');
  return html`<div class="table" ref=${box} onScroll=${measure} tabindex="0"
    role="region" aria-label=${label}><table aria-rowcount=${rows.length + 1}>
    <thead><tr>${columns.map((column) => html`<th scope="col"
      class=${column.numeric ? 'numeric' : ''}>${column.title}</th>`)}</tr>
    </thead><tbody>${filler(first)}
    ${rows.slice(first, last).map((row, index) => html`<tr
      key=${row.id || first + index} aria-rowindex=${first + index + 2}>
      ${columns.map((column, number) => html`<td data-title=${column.title}
        class=${column.numeric ? 'numeric' : ''}>
        ${number === 0 && href && href(row)
    ? html`<a class="row-link" href=${href(row)}>${column.cell(row)}</a>`
    : column.cell(row)}</td>`)}</tr>`)}
    ${filler(rows.length - last)}</tbody></table></div>`;
}

export function Field({ label, children, hint }) {
  return html`<label class="field"><span>${label}</span>${children}
    ${hint ? html`<small>${hint}</small>` : ''}</label>`;
}

/** Editor for small texts: line numbers and the tabulator key. */
export function Editor({ value, onChange, label, rows = 16 }) {
  const numbers = useRef(null);
  const count = value.split('\n').length;
  const onKey = (event) => {
    if (event.key !== 'Tab' || event.shiftKey) return;
    const area = event.target;
    event.preventDefault();
    area.setRangeText('    ', area.selectionStart, area.selectionEnd, 'end');
    onChange(area.value);
  };
  return html`<div class="editor"><pre ref=${numbers} aria-hidden="true">
    ${Array.from({ length: count }, (_, index) => index + 1).join('\n')}</pre>
    <textarea aria-label=${label} spellcheck=${false} rows=${rows} wrap="off"
      value=${value} onKeyDown=${onKey}
      onInput=${(event) => onChange(event.target.value)}
      onScroll=${(event) => {
    numbers.current.scrollTop = event.target.scrollTop;
  }}></textarea></div>`;
}

/** Links to the parts of a resource. */
export function Tabs({ items, current }) {
  return html`<nav class="tabs" aria-label="Parts">${items.map(
    ([name, href]) => html`<a href=${href}
      aria-current=${name === current ? 'page' : undefined}>${name}</a>`)}
  </nav>`;
}
