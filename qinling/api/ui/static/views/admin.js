// SPDX-License-Identifier: Apache-2.0
/** View of runtimes, quota, budget and operations. */
import { html, useState } from '../vendor/htm-preact.js';
import { usePoll } from '../api.js';
import { Badge, Card, Commands, Header, Time, Waiting } from
  '../components.js';
import { bytes, percent } from '../format.js';

export function Admin() {
  return html`<${Header} title="Admin"
    sub="What functions run on, and how much of the limits is used." />
    <div class="grid"><${Runtimes} /><${Quota} /><${Budget} /><${Operations} />
    </div><${Commands} actions=${[
  ['Runtimes', 'runtime list', 'GET', '/runtimes'],
  ['Quota', 'quota show', 'GET', '/quotas'],
  ['Operations', 'function operation list', 'GET', '/operations']]} />`;
}

function Pool({ id }) {
  const { data, error } = usePoll(`/runtimes/${id}/pool`, { every: 5000 });
  if (error) return html`<span class="muted">${error.message}</span>`;
  if (!data?.capacity) return '–';
  return Object.entries(data.capacity).map(
    ([name, value]) => `${name} ${value}`).join(', ');
}

function Grid({ label, titles, rows }) {
  return html`<div class="table" tabindex="0" role="region"
    aria-label=${label}><table><thead><tr>${titles.map((title) => html`
    <th scope="col">${title}</th>`)}</tr></thead><tbody>${rows.map((row) =>
  html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody>
    </table></div>`;
}

function Runtimes() {
  const { data, error, reload } = usePoll('/runtimes?limit=200');
  return html`<${Card} wide title="Runtimes">${!data ? html`<${Waiting}
    error=${error} reload=${reload} />` : !data.runtimes.length ? html`<p
    class="muted">No runtimes: create one with <code>qinling runtime
    create</code>.</p>` : html`<${Grid} label="Runtimes" titles=${['Name',
  'Status', 'Image', 'Language', 'Trusted', 'Workers']}
    rows=${data.runtimes.map((row) => [row.name || row.id,
    html`<${Badge} status=${row.status} /> ${row.status_reason || ''}`,
    html`<code class="clip" title=${row.image}>${row.image}</code>`,
    `${row.language || '–'} ${row.language_version || ''}`,
    row.trusted ? 'yes' : 'no', html`<${Pool} id=${row.id} />`])} />`}<//>`;
}

function Quota() {
  const { data, error, reload } = usePoll('/quotas');
  const show = (name, value) => (value === null || value === undefined
    ? 'no limit' : name.endsWith('bytes') ? bytes(value) : value);
  return html`<${Card} title="Quota and usage">${!data ? html`<${Waiting}
    error=${error} reload=${reload} />` : html`<dl class="facts">
    ${Object.keys(data.usage).map((name) => {
    const used = data.usage[name] ?? 0;
    const limit = data.limits[name];
    return html`<dt>${name.replaceAll('_', ' ')}</dt>
      <dd>${show(name, used)} of ${show(name, limit < 0 ? null : limit)}
      ${limit > 0 ? html` <small>${percent(used / limit)}</small>` : ''}</dd>`;
  })}</dl>`}<//>`;
}

function Budget() {
  // A project without a budget answers 404, so only a user asks for it.
  const [isShown, setShown] = useState(false);
  const { data, error, reload } = usePoll(isShown ? '/budgets' : null,
    { every: 10000 });
  if (!isShown) {
    return html`<${Card} title="Budget"><p class="muted">What the executions of
      this month may cost.</p><button onClick=${() => setShown(true)}>Show
      </button><//>`;
  }
  return html`<${Card} title="Budget">${!data ? error?.status === 404
    ? html`<p class="muted">No budget is set.</p>` : html`<${Waiting}
    error=${error} reload=${reload} />` : html`<dl class="facts">
    <dt>Month</dt><dd>${data.month}</dd>
    <dt>Spent</dt><dd>${data.spent ?? '–'} ${data.currency || ''} of
      ${' '}${data.amount ?? 'no limit'}</dd>
    <dt>Level</dt><dd>${data.level || '–'}</dd></dl>`}<//>`;
}

function Operations() {
  const { data, error, reload } = usePoll(
    '/operations?limit=50&sort_key=created_at&sort_dir=desc');
  return html`<${Card} wide title="Operations on many executions">
    ${!data ? html`<${Waiting} error=${error} reload=${reload} />`
    : !data.operations.length ? html`<p class="muted">None yet: filter the
      <a href="#/executions">executions</a>, and rerun or cancel all.</p>`
      : html`<${Grid} label="Operations" titles=${['Action', 'Status', 'Done',
        'Skipped', 'Who', 'When']} rows=${data.operations.map((row) => [
        row.action, html`<${Badge} status=${row.status} />`,
        `${row.done} of ${row.total ?? '…'}`, row.skipped,
        row.user_id || '–', html`<${Time} value=${row.created_at} />`])} />`}
    <//>`;
}
