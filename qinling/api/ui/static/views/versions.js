// SPDX-License-Identifier: Apache-2.0
/** View of the versions of a function, with the difference of any two. */
import { html, useState } from '../vendor/htm-preact.js';
import { call, useList, usePoll } from '../api.js';
import { Action, Badge, Card, Commands, Empty, Field, Header, Table, Tabs, Time,
  toast, Waiting } from '../components.js';
import { diffLines, pretty, query as makeQuery } from '../format.js';
import { parts } from './function.js';

export function Versions({ id, query }) {
  const owner = usePoll(`/functions/${id}`, { every: 10000 });
  const list = useList(`/functions/${id}/versions?limit=200`,
    'function_versions');
  const [shown, setShown] = useState(null);
  const latest = owner.data?.latest_version || 0;
  const to = Number(query.to ?? 0);
  const from = Number(query.from ?? latest);
  const choose = (name) => (event) => {
    location.hash = `#/functions/${id}/versions${makeQuery({ from, to,
      [name]: event.target.value })}`;
  };
  const columns = [
    { title: 'Version', cell: (row) => `v${row.version_number}` },
    { title: 'Published', cell: (row) => html`<${Time}
      value=${row.created_at} />` },
    { title: 'Message', cell: (row) => html`<span class="clip"
      title=${row.message}>${row.message || row.description || '–'}</span>` },
    { title: 'Tags', cell: (row) => html`<span class="badges">
      ${Object.entries(row.tags || {}).map(([key, value]) => html`
      <${Badge}>${Array.isArray(row.tags) ? value : `${key}=${value}`}<//>`)}
      </span>` },
    { title: 'Digest', cell: (row) => html`<code title=${row.digest}>
      ${(row.digest || '').replace('sha256:', '').slice(0, 10)}</code>` },
    { title: 'Runs', numeric: true, cell: (row) => row.count },
    { title: '', cell: (row) => html`<span class="badges">
      <a href="#/functions/${id}/versions?from=${row.version_number
  }&to=0">Compare</a> <button class="quiet"
      onClick=${() => setShown(row.version_number)}>Used by</button>
      </span>` }];
  const options = [0, ...list.rows.map((row) => row.version_number)];
  const select = (name, label, value) => html`<${Field} label=${label}>
    <select value=${value} onChange=${choose(name)}>${options.map((number) =>
  html`<option value=${number}>${number ? `version ${number}`
    : 'latest code'}</option>`)}</select><//>`;
  return html`<${Header} title=${owner.data?.name || 'Versions'}
    parent=${['Functions', '#/functions']} />
    <${Tabs} items=${parts(id)} current="Versions" />
    ${!list.data ? html`<${Waiting} ...${list} />` : !list.rows.length
    ? html`<${Empty} title="No versions yet"
      command=${`qinling function version create ${id}`}>A version keeps the
      code and the settings as they are now. Aliases send traffic to versions,
      so publish one before you create an alias.<//>`
    : html`<div class="stack"><${Table} label="Versions" columns=${columns}
      rows=${list.rows} onEnd=${list.loadMore} />
      ${shown ? html`<${Usage} id=${id} number=${shown}
        close=${() => setShown(null)} />` : ''}
      <${Card} title="Difference" aside=${html`<div class="row">
        ${select('from', 'From', from)}${select('to', 'To', to)}</div>`}>
      <${Difference} id=${id} from=${from} to=${to} /><//></div>`}
    <${Commands} actions=${[
    ['List the versions', `function version list ${id}`, 'GET',
      `/functions/${id}/versions`],
    ...(list.rows.length ? [['Compare two versions',
      `function version diff ${id} ${from} ${to}`, 'GET',
      `/functions/${id}/versions/diff?from=${from}&to=${to}`],
    ['Show what uses a version',
      `function version usage show ${id} ${shown || latest}`, 'GET',
      `/functions/${id}/versions/${shown || latest}/usage`]] : [])]} />`;
}

function Difference({ id, from, to }) {
  const { data, error, reload } = usePoll(
    `/functions/${id}/versions/diff?from=${from}&to=${to}`,
    { every: 15000 });
  if (!data) return html`<${Waiting} error=${error} reload=${reload} />`;
  const settings = Object.entries(data.settings || {}).filter(
    ([name]) => name !== 'code');
  if (!settings.length && !data.files.length) {
    return html`<p class="muted">Both have the same code and settings.</p>`;
  }
  return html`<div class="stack">${settings.length ? html`<dl class="facts">
    ${settings.map(([name, change]) => html`<dt>${name}</dt><dd>
      <code>${pretty(change.old) || 'unset'}</code> →
      <code> ${pretty(change.new) || 'unset'}</code></dd>`)}</dl>` : ''}
    ${data.files.map((file) => html`<div><h3>${file.path}${' '}
      <${Badge} kind=${file.change === 'added' ? 'good'
    : file.change === 'removed' ? 'bad' : 'info'}>${file.change}<//></h3>
      ${file.diff === null ? html`<p class="muted">Not a small text.</p>`
    : html`<pre class="code diff" tabindex="0" aria-label=${file.path}>
      ${diffLines(file.diff).map(({ line, kind }) => html`
        <span class=${kind}>${line || ' '}</span>`)}</pre>`}</div>`)}
    ${data.truncated ? html`<p>More files differ.</p>` : ''}</div>`;
}

function Usage({ id, number, close }) {
  const path = `/functions/${id}/versions/${number}`;
  const { data, error } = usePoll(`${path}/usage`);
  const references = usePoll(`${path}/references`);
  const remove = async () => {
    await call('DELETE', path, undefined,
      { policy: 'function_version:delete' });
    toast(`Deleted version ${number}.`);
    close();
  };
  const names = (kind) => (references.data?.references || []).filter(
    (item) => item.kind === kind).map((item) => item.id).join(', ');
  return html`<${Card} title=${`What uses version ${number}`}
    aside=${html`<div class="row"><${Action} label="Delete"
      policy="function_version:delete" run=${remove}
      confirm=${`Delete version ${number}?`} />
      <button class="quiet" onClick=${close}>Close</button></div>`}>
    ${!data ? html`<${Waiting} error=${error} />` : html`<dl class="facts">
      <dt>State</dt><dd><${Badge} status=${data.state} /></dd>
      <dt>Running, queued, scheduled</dt>
      <dd>${data.running}, ${data.queued}, ${data.scheduled}</dd>
      <dt>Aliases</dt><dd>${data.aliases} ${names('alias')}</dd>
      <dt>Jobs</dt><dd>${data.jobs} ${names('job')}</dd>
      <dt>Webhooks</dt><dd>${data.webhooks} ${names('webhook')}</dd></dl>`}<//>`;
}
