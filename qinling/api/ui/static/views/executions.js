// SPDX-License-Identifier: Apache-2.0
/** View of executions: filters in the URL, failures, actions on many. */
import { html, useState } from '../vendor/htm-preact.js';
import { call, LISTS, useList, usePoll } from '../api.js';
import { Action, Badge, Card, Commands, Empty, Field, Header, Id, Table, Tabs,
  Time, toast, Waiting } from '../components.js';
import { query as makeQuery, quote, seconds } from '../format.js';
import { useNames } from './functions.js';

const STATUSES = ['success', 'failed', 'error', 'running', 'cancelled'];
const TRIGGERS = ['api', 'job', 'webhook', 'event_source', 'rerun', 'replay',
  'redrive', 'on_failure'];
const FILTERS = ['function_id', 'function_version', 'function_alias',
  'status', 'trigger', 'job_id', 'fingerprint', 'group_id', 'reason'];
const HOURS = { 1: 'last hour', 24: 'last 24 hours', 168: 'last 7 days' };

/** Return the conditions of the API for the filters of a URL. */
export function conditions(query, now = Date.now()) {
  const result = {};
  for (const name of FILTERS) if (query[name]) result[name] = query[name];
  if (query.hours) {
    // Whole minutes, so that the path changes seldom.
    const start = Math.floor(now / 60000) * 60000 - query.hours * 3600000;
    result.created_at = `gte:${new Date(start).toISOString().slice(0, 19)}`;
  }
  return result;
}

export function Executions({ query }) {
  const isGroup = query.view === 'failures';
  const names = useNames();
  const set = (name) => (event) => {
    location.hash = `#/executions${makeQuery({ ...query,
      [name]: event.target.value })}`;
  };
  const select = (name, label, options) => html`<${Field} label=${label}>
    <select value=${query[name] || ''} onChange=${set(name)}>
    <option value="">any</option>${options.map(([value, text]) => html`
    <option value=${value}>${text}</option>`)}</select><//>`;
  return html`<${Header} title="Executions"
    sub="Every run of every function, with its input, result and log." />
    <${Tabs} current=${isGroup ? 'Failures' : 'All'} items=${[
  ['All', `#/executions${makeQuery({ ...query, view: '' })}`],
  ['Failures', '#/executions?view=failures']]} />
    ${isGroup ? html`<${Failures} names=${names} />` : html`
    <div class="filters">
    ${select('function_id', 'Function', [...names])}
    ${select('status', 'Status', STATUSES.map((item) => [item, item]))}
    ${select('hours', 'Time', Object.entries(HOURS))}
    ${select('trigger', 'Trigger', TRIGGERS.map((item) => [item, item]))}
    ${select('sort', 'Order', [['duration', 'slowest first']])}
    ${FILTERS.filter((name) => query[name] && !['function_id', 'status',
    'trigger'].includes(name)).map((name) => html`<a class="badge info"
      title="Remove the filter" href=${`#/executions${makeQuery(
  { ...query, [name]: '' })}`}>${name} ${query[name].slice(0, 12)} ×</a>`)}
    </div><${List} query=${query} names=${names} />`}`;
}

function List({ query, names }) {
  const filter = conditions(query);
  const path = LISTS.executions + makeQuery({ ...filter,
    ...(query.sort ? { sort_key: query.sort } : {}) }).replace('?', '&');
  const list = useList(path, 'executions');
  const columns = [
    { title: 'Execution', cell: (row) => html`<${Id} value=${row.id} />` },
    { title: 'Status', cell: (row) => html`<${Badge} status=${row.status} />` },
    { title: 'Function', cell: (row) => html`<span class="clip">
      ${names.get(row.function_id) || row.function_id}</span>` },
    { title: 'Version', cell: (row) => `${row.function_version
      ? `v${row.function_version}` : 'latest'}${row.function_alias
      ? ` (${row.function_alias})` : ''}` },
    { title: 'Created', cell: (row) => html`<${Time}
      value=${row.created_at} />` },
    { title: 'Duration', numeric: true, cell: (row) => html`
      ${row.cold ? html`<${Badge} kind="info">cold<//> ` : ''}
      ${seconds(row.duration)}` },
    { title: 'Trigger', cell: (row) => row.trigger },
    { title: 'Reason', cell: (row) => row.reason || '' }];
  const isFiltered = Object.keys(filter).length > 0;
  if (!list.data) return html`<${Waiting} ...${list} />`;
  return html`${isFiltered ? html`<${Bulk} filter=${filter} />` : ''}
    ${!list.rows.length ? html`<${Empty} title=${isFiltered
    ? 'No execution matches' : 'Nothing has run yet'}
    command="qinling function invoke NAME">${isFiltered
    ? 'Remove a filter to see more.'
    : 'Run a function from its view, from a job or through a webhook.'}<//>`
    : html`<${Table} label="Executions" columns=${columns} rows=${list.rows}
      onEnd=${list.loadMore} href=${(row) => `#/executions/${row.id}`} />
    <p class="muted">${list.rows.length} rows${list.hasMore
    ? '; scroll for more' : ''}</p>`}
    <${Commands} actions=${[
    ['List the executions', `function execution list ${Object.entries(filter)
      .map(([name, value]) => `--filter ${quote(`${name}=${value}`)}`).join(' ')}`,
    'GET', `/executions${makeQuery(filter)}`],
    ['Rerun all of them', `function operation create rerun ${Object.entries(
      filter).map(([name, value]) => `--filter ${quote(`${name}=${value}`)}`)
      .join(' ')}`,
    'POST', '/operations', { action: 'rerun', filter }]]} />`;
}

function Bulk({ filter }) {
  const [plan, setPlan] = useState(null);
  const [version, setVersion] = useState('original');
  const [operation, setOperation] = useState(null);
  const { data } = usePoll(operation ? `/operations/${operation}` : null,
    { every: 800 });
  const body = (action) => ({ action, filter,
    ...(action === 'rerun' ? { function_version: version } : {}) });
  const count = (action) => async () => {
    const { total } = await call('POST', '/operations',
      { ...body(action), dry_run: true }, { policy: 'operation:create' });
    setPlan({ action, total });
  };
  const start = async () => {
    const row = await call('POST', '/operations', body(plan.action),
      { policy: 'operation:create' });
    setOperation(row.id);
    setPlan(null);
    toast(`Started: ${plan.action} of ${plan.total} executions.`);
  };
  return html`<div class="filters">${plan ? html`<span class="confirm">
    ${plan.action === 'rerun' ? 'Run' : 'Cancel'} ${plan.total} executions${
  plan.action === 'rerun' ? ' again' : ''}?
    <${Action} label=${`Yes, ${plan.action} ${plan.total}`} kind="danger"
      policy="operation:create" disabled=${!plan.total} run=${start} />
    <button class="quiet" onClick=${() => setPlan(null)}>No</button></span>`
    : html`<${Action} label="Rerun all" policy="operation:create"
      run=${count('rerun')} />
    <select aria-label="Version of reruns" value=${version}
      onChange=${(event) => setVersion(event.target.value)}>
      <option value="original">on the same version</option>
      <option value="current">on the current version</option></select>
    <${Action} label="Cancel all" policy="operation:create"
      run=${count('cancel')} />`}
    ${data ? html`<span><${Badge} status=${data.status} /> ${data.done} of
      ${' '}${data.total ?? '…'} done, ${data.skipped} skipped</span>` : ''}
    </div>`;
}

function Failures({ names }) {
  const list = useList('/failures?limit=200&sort_key=last_seen_at&sort_dir=desc',
    'failures');
  if (!list.data) return html`<${Waiting} ...${list} />`;
  if (!list.rows.length) {
    return html`<${Empty} title="No failures">Failed executions appear here,
      grouped by their cause.<//>`;
  }
  return html`<div class="stack">${list.rows.map((row) => html`<${Card}
    key=${row.id} title=${row.message || row.reason}
    aside=${html`<div class="row"><${Badge} kind="bad">${row.count} times<//>
      <a href="#/executions?fingerprint=${row.id}">Executions</a>
      <a href="#/executions/${row.last_execution_id}">Last one</a></div>`}>
    <p class="muted">${names.get(row.function_id) || row.function_id} · versions
      ${' '}${(row.function_versions || []).join(', ')} · ${row.reason}
      ${' '}${row.exception_type || ''} · last seen${' '}
      <${Time} value=${row.last_seen_at} /></p>
    ${(row.frames || []).length ? html`<pre class="code" tabindex="0"
      aria-label="Frames">${row.frames.map((frame) =>
  `${frame.file}:${frame.line} in ${frame.function}`).join('\n')}</pre>` : ''}
    <//>`)}</div><${Commands} actions=${[['List the failures',
  'function failure list', 'GET', '/failures']]} />`;
}
