// SPDX-License-Identifier: Apache-2.0
/** Views of aliases: traffic, comparison of versions, rollout, history. */
import { html, useState } from '../vendor/htm-preact.js';
import { call, useList, usePoll } from '../api.js';
import { ShareBar } from '../charts.js';
import { Action, Badge, Card, Commands, Empty, Field, Header, Table, Time,
  toast, Waiting } from '../components.js';
import { describeTraffic, interval, percent, pretty, quote, seconds,
  weights } from '../format.js';
import { useNames } from './functions.js';

export function Aliases() {
  const list = useList('/aliases?limit=200&sort_key=name&sort_dir=asc',
    'function_aliases');
  const names = useNames();
  const [isNew, setNew] = useState(false);
  const columns = [
    { title: 'Alias', cell: (row) => row.name },
    { title: 'Function', cell: (row) => html`<a class="clip"
      href="#/functions/${row.function_id}">${names.get(row.function_id)
      || row.function_id}</a>` },
    { title: 'Traffic', cell: describeTraffic },
    { title: 'Changed', cell: (row) => html`<${Time}
      value=${row.updated_at || row.created_at} />` }];
  return html`<${Header} title="Aliases"
    sub="Stable names that send traffic to versions.">
    <button class="primary" aria-expanded=${isNew}
      onClick=${() => setNew(!isNew)}>New alias</button><//>
    ${isNew ? html`<${Create} names=${names} />` : ''}
    ${!list.data ? html`<${Waiting} ...${list} />` : !list.rows.length
    ? html`<${Empty} title="No aliases yet"
      command="qinling function alias create prod --function NAME --function-version 1"
      >An alias such as <code>prod</code> points at a version. Callers keep its
      name while you move it, a share of the traffic at a time.<//>`
    : html`<${Table} label="Aliases" columns=${columns} rows=${list.rows}
      onEnd=${list.loadMore}
      href=${(row) => `#/aliases/${encodeURIComponent(row.name)}`} />`}
    <${Commands} actions=${[['List the aliases', 'function alias list', 'GET',
    '/aliases']]} />`;
}

function Create({ names }) {
  const [values, setValues] = useState({ name: '', id: '', version: 1 });
  const set = (key) => (event) => setValues({ ...values,
    [key]: event.target.value });
  const run = async () => {
    await call('POST', '/aliases', { name: values.name,
      function_id: values.id, function_version: Number(values.version) },
    { policy: 'function_alias:create' });
    location.hash = `#/aliases/${encodeURIComponent(values.name)}`;
  };
  return html`<${Card} title="New alias"><div class="row">
    <${Field} label="Name"><input value=${values.name} onInput=${set('name')}
      /><//><${Field} label="Function"><select value=${values.id}
      onChange=${set('id')}><option value="">Choose</option>${[...names].map(
  ([id, name]) => html`<option value=${id}>${name}</option>`)}</select><//>
    <${Field} label="Version"><input type="number" min="0"
      value=${values.version} onInput=${set('version')} /><//>
    <${Action} label="Create" kind="primary" policy="function_alias:create"
      disabled=${!values.name || !values.id} run=${run} /></div><//>`;
}

export function Alias({ id }) {
  const path = `/aliases/${encodeURIComponent(id)}`;
  const { data, error, reload } = usePoll(path);
  const history = usePoll(`${path}/history`);
  const names = useNames();
  const versions = usePoll(data
    ? `/functions/${data.function_id}/versions?limit=200&sort_dir=desc` : null,
  { every: 10000 });
  if (!data) return html`<${Waiting} error=${error} reload=${reload} />`;
  const [[base]] = weights(data);
  // The newest first.
  const others = (versions.data?.function_versions || []).map(
    (row) => row.version_number).filter((number) => number !== base);
  const remove = async () => {
    await call('DELETE', path, undefined, { policy: 'function_alias:delete' });
    location.hash = '#/aliases';
  };
  return html`<${Header} title=${data.name} sub=${data.description}
    parent=${['Aliases', '#/aliases']}>
    <a href="#/functions/${data.function_id}/versions">
      ${names.get(data.function_id) || 'Function'}</a>
    <${Action} label="Delete" policy="function_alias:delete" run=${remove}
      confirm="Callers of the alias will get errors." /><//>
    <div class="grid"><${Traffic} alias=${data} path=${path} others=${others}
      reload=${reload} /><${Compare} alias=${data} path=${path} />
    <${Rollout} path=${path} history=${history.data} />
    <${History} path=${path} history=${history} reload=${reload} /></div>
    <${Commands} actions=${[
    ...shareCommands(data, path, base, others[0]),
    ['Roll back', `function alias rollback ${quote(data.name)}`, 'POST',
      `${path}/rollback`, {}]]} />`;
}

/** Return the commands that send traffic to another version, if any. */
function shareCommands({ name, routing }, path, base, next) {
  if (!next) return [];
  // A rollout of an alias with weights is refused.
  return [
    [`Send 10 % to version ${next}`, `function alias update ${quote(name)} `
      + `--weight ${base}=0.9 --weight ${next}=0.1`, 'PUT', path,
    { routing: { [base]: 0.9, [next]: 0.1 } }],
    ...(routing ? [] : [['Start a rollout',
      `function rollout start ${quote(name)} --to ${next}`, 'POST',
      `${path}/rollout`, { function_version: next }]])];
}

function Traffic({ alias, path, others, reload }) {
  const current = weights(alias);
  const base = current[0][0];
  const [choice, setChoice] = useState(null);
  const [version, weight] = choice || current[1] || [0, 0];
  const save = async () => {
    const body = weight > 0 && weight < 1 ? { routing: {
      [base]: Math.round((1 - weight) * 100) / 100, [version]: weight } }
      : { function_version: weight ? version : base };
    await call('PUT', path, body, { policy: 'function_alias:update' });
    toast(`Sends ${percent(weight)} to version ${version}.`);
    setChoice(null);
    reload();
  };
  const number = version || others[0] || 0;
  return html`<${Card} title="Traffic">
    <div class="row"><${Badge} kind="info">v${base} gets
      ${' '}${percent(1 - weight)}<//>
      ${number ? html`<${Badge} kind="warn">v${number} gets
      ${' '}${percent(weight)}<//>` : ''}</div>
    <div class="traffic" aria-hidden="true">
      <i style=${{ width: `${(1 - weight) * 100}%` }}></i>
      <i style=${{ width: `${weight * 100}%` }}></i></div>
    ${current.length > 2 ? html`<p>The alias has more than two targets:
      ${' '}${describeTraffic(alias)}.</p>` : ''}
    ${!others.length ? html`<p class="muted">Publish another version to share
      the traffic.</p>` : html`<div class="stack">
      <${Field} label="Version"><select value=${number} onChange=${
  (event) => setChoice([Number(event.target.value), weight])}>
        ${others.map((item) => html`<option value=${item}>version ${item}
        </option>`)}</select><//>
      <${Field} label=${`Share of version ${number}: ${percent(weight)}`}>
        <input type="range" min="0" max="100" step="1"
        value=${Math.round(weight * 100)} onInput=${(event) => setChoice(
  [number, Number(event.target.value) / 100])} /><//>
      <div class="row"><${Action} label="Apply" kind="primary"
        disabled=${!choice} policy="function_alias:update" run=${save} />
      ${[0.1, 0.5, 1].map((share) => html`<button class="quiet"
        onClick=${() => setChoice([number, share])}>${percent(share)}</button>`)}
      </div></div>`}<//>`;
}

function Compare({ alias, path }) {
  const { data, error } = usePoll(`${path}/stats?by=version`,
    { every: 5000 });
  if (!data) {
    return html`<${Card} title="Versions in 24 hours">
      <${Waiting} error=${error} /><//>`;
  }
  const rows = data.groups || [];
  const bounds = rows.map((row) => interval(row.failures, row.count));
  const most = Math.min(1, Math.max(0.05, ...bounds.map(([, high]) => high)));
  return html`<${Card} title="Versions in 24 hours">${!rows.length ? html`
    <p class="muted">No execution through ${alias.name} has ended yet.</p>` : ''}
    ${rows.map((row, index) => html`<div><h3>Version ${row.key}</h3>
      <${ShareBar} label=${`Failed of version ${row.key}`} most=${most}
        share=${row.failures / row.count} low=${bounds[index][0]}
        high=${bounds[index][1]} />
      <small>${percent(row.failures / row.count)} of ${row.count} failed (95 %:
      ${' '}${percent(bounds[index][0])} to ${percent(bounds[index][1])}) · p50
      ${' '}${seconds(row.duration?.p50)} · p95 ${seconds(row.duration?.p95)}
      ${' '}· <a href="#/executions?function_alias=${
  encodeURIComponent(alias.name)}&sort=duration">slowest</a></small></div>`)}<//>`;
}

function Rollout({ path, history }) {
  // An alias without a rollout answers 404, which browsers log as an error.
  const exists = (history?.history || []).some((row) => row.rollout_id);
  const { data, error, reload } = usePoll(exists ? `${path}/rollout` : null);
  if (!data) {
    return html`<${Card} title="Rollout">${error && error.status !== 404
      ? html`<${Waiting} error=${error} />` : html`<p class="muted">None yet. A
      rollout raises the share of a version step by step, and rolls back by
      itself when errors or latency rise.</p>`}<//>`;
  }
  const act = (verb) => async () => {
    await call('POST', `${path}/rollout/${verb}`, undefined,
      { policy: 'rollout:update' });
    reload();
  };
  const verbs = data.status === 'running' ? ['pause', 'promote', 'abort']
    : data.status === 'paused' ? ['resume', 'promote', 'abort'] : [];
  return html`<${Card} title="Rollout" aside=${html`<${Badge}
    status=${data.status} />`}><p>Version ${data.from_version} to version
    ${' '}${data.function_version}, step ${data.step} of ${data.steps.length}.
    ${' '}${data.status_reason}</p>
    <p class="badges">${data.steps.map((step, index) => html`<${Badge}
      kind=${index < data.step - 1 ? 'good' : index === data.step - 1
    ? 'info' : 'muted'}>${percent(step.weight)}<//>`)}</p>
    <div class="row">${verbs.map((verb) => html`<${Action}
      label=${verb[0].toUpperCase() + verb.slice(1)} policy="rollout:update"
      run=${act(verb)} />`)}</div><//>`;
}

function History({ path, history: { data, error }, reload }) {
  const back = async () => {
    await call('POST', `${path}/rollback`, {},
      { policy: 'function_alias:update' });
    toast('Rolled back.');
    reload();
  };
  const rows = data?.history || [];
  return html`<${Card} title="History" aside=${html`<${Action}
    label="Roll back" kind="danger" policy="function_alias:update"
    disabled=${rows.length < 2} run=${back} />`}>
    ${!data ? html`<${Waiting} error=${error} />` : html`<div class="table"
    tabindex="0" role="region" aria-label="History"><table><thead><tr>
    <th>When</th><th>Who</th><th>Target</th><th>Why</th></tr></thead><tbody>
    ${rows.map((row) => html`<tr><td><${Time} value=${row.created_at} /></td>
      <td>${row.user_id || '–'}</td><td title=${pretty(row.routing)}>
      ${describeTraffic(row)}</td><td>${row.reason || '–'}</td></tr>`)}</tbody></table>
    </div>`}<//>`;
}
