// SPDX-License-Identifier: Apache-2.0
/** Views of jobs: calendar of fire times in the zone of a job, backfill. */
import { html, useState } from '../vendor/htm-preact.js';
import { call, useList, usePoll } from '../api.js';
import { Action, Badge, Card, Commands, Empty, Field, Header, Table, Time,
  toast, Waiting } from '../components.js';
import { parseTime, pretty, seconds, time } from '../format.js';
import { useNames } from './functions.js';

const DAY_MS = 86400000;
const MAX_PAST = 500;
const MAX_PLANNED = 100;
const KINDS = { fired: 'good', backfilled: 'good', skipped: 'warn',
  paused: 'warn', refused: 'bad', planned: 'info' };
/** Seconds after which a fire time counts as late. */
const LATE_SECONDS = 60;

export function Jobs() {
  const list = useList('/jobs?limit=200', 'jobs');
  const names = useNames();
  const [isNew, setNew] = useState(false);
  const columns = [
    { title: 'Job', cell: (row) => row.name || row.id.slice(0, 8) },
    { title: 'Status', cell: (row) => html`<${Badge} status=${row.status} />` },
    { title: 'Runs', cell: (row) => html`<span class="clip">
      ${row.function_alias || names.get(row.function_id) || row.function_id}
      </span>` },
    { title: 'Pattern', cell: (row) => html`<code>${row.pattern || 'once'}
      </code>` },
    { title: 'Zone', cell: (row) => row.timezone || 'UTC' },
    { title: 'Next', cell: (row) => html`<${Time}
      value=${row.next_execution_time} zone=${row.timezone} />` }];
  return html`<${Header} title="Jobs" sub="Functions that run on a schedule.">
    <button class="primary" aria-expanded=${isNew}
      onClick=${() => setNew(!isNew)}>New job</button><//>
    ${isNew ? html`<${Create} names=${names} />` : ''}
    ${!list.data ? html`<${Waiting} ...${list} />` : !list.rows.length
    ? html`<${Empty} title="No jobs yet"
      command="qinling job create --function NAME --pattern '0 2 * * *'">A job
      runs a function at the times of a cron pattern, in a time zone of your
      choice.<//>`
    : html`<${Table} label="Jobs" columns=${columns} rows=${list.rows}
      onEnd=${list.loadMore} href=${(row) => `#/jobs/${row.id}`} />`}
    <${Commands} actions=${[['List the jobs', 'job list', 'GET', '/jobs']]} />`;
}

function Create({ names }) {
  const [values, setValues] = useState({ name: '', function_id: '',
    pattern: '0 2 * * *',
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC' });
  const set = (key) => (event) => setValues({ ...values,
    [key]: event.target.value });
  const run = async () => {
    const row = await call('POST', '/jobs', values, { policy: 'job:create' });
    location.hash = `#/jobs/${row.id}`;
  };
  const input = (key, label) => html`<${Field} label=${label}><input
    value=${values[key]} onInput=${set(key)} /><//>`;
  return html`<${Card} title="New job"><div class="row">
    ${input('name', 'Name')}<${Field} label="Function"><select
      value=${values.function_id} onChange=${set('function_id')}>
      <option value="">Choose</option>${[...names].map(([id, name]) => html`
      <option value=${id}>${name}</option>`)}</select><//>
    ${input('pattern', 'Cron pattern')}${input('timezone', 'Time zone')}
    <${Action} label="Create" kind="primary" policy="job:create"
      disabled=${!values.function_id} run=${run} /></div><//>`;
}

/** Return fire times by the day in a zone, the latest day first. */
export function byDay(fires, zone) {
  const days = new Map();
  for (const fire of fires) {
    const day = time(fire.scheduled_at, zone).slice(0, 10);
    days.set(day, [...(days.get(day) || []), fire]);
  }
  return [...days].sort(([one], [two]) => (one < two ? 1 : -1));
}

export function Job({ id }) {
  const { data, error, reload } = usePoll(`/jobs/${id}`);
  const names = useNames();
  if (!data) return html`<${Waiting} error=${error} reload=${reload} />`;
  const change = (status) => async () => {
    await call('PUT', `/jobs/${id}`, { status }, { policy: 'job:update' });
    reload();
  };
  const run = async () => {
    const row = await call('POST', `/jobs/${id}/run`, undefined,
      { policy: 'job:run' });
    location.hash = `#/executions/${row.id}`;
  };
  const remove = async () => {
    await call('DELETE', `/jobs/${id}`, undefined, { policy: 'job:delete' });
    location.hash = '#/jobs';
  };
  return html`<${Header} title=${data.name || id} parent=${['Jobs', '#/jobs']}
    badge=${html`<${Badge} status=${data.status} />`}>
    <${Action} label="Run now" kind="primary" policy="job:run" run=${run} />
    ${data.status === 'paused' ? html`<${Action} label="Resume"
      policy="job:update" run=${change('running')} />`
    : data.status === 'running' ? html`<${Action} label="Pause"
      policy="job:update" run=${change('paused')} />` : ''}
    <${Action} label="Delete" policy="job:delete" run=${remove}
      confirm="Delete the job? Its executions stay." /><//>
    <div class="grid"><${Card} title="Schedule"><dl class="facts">
      <dt>Runs</dt><dd>${data.function_alias ? html`<a href="#/aliases/${
  encodeURIComponent(data.function_alias)}">${data.function_alias}</a>`
    : html`<a href="#/functions/${data.function_id}">
      ${names.get(data.function_id) || data.function_id}</a>`}</dd>
      <dt>Pattern</dt><dd><code>${data.pattern || 'once'}</code> in
        ${' '}${data.timezone || 'UTC'}</dd>
      <dt>Next</dt><dd>${time(data.next_execution_time, data.timezone)}</dd>
      <dt>Missed times</dt><dd>${data.misfire}</dd>
      <dt>Overlap</dt><dd>${data.overlap}</dd>
      <dt>Input</dt><dd><code>${pretty(data.function_input) || '–'}</code></dd>
      <dt>Executions</dt><dd><a href="#/executions?job_id=${id}">all of the
        job</a></dd></dl>
      ${data.status_reason ? html`<p class="error">${data.status_reason}</p>`
    : ''}<//><${Backfill} id=${id} />
    <${Calendar} id=${id} zone=${data.timezone || 'UTC'} /></div>
    <${Commands} actions=${[
    ['Fire times', `job fire list ${id}`, 'GET', `/jobs/${id}/fires`],
    ['Run now', `job run ${id}`, 'POST', `/jobs/${id}/run`],
    ['Backfill', `job backfill ${id} --since 2026-01-01T00:00:00`, 'POST',
      `/jobs/${id}/backfill`, { since: '2026-01-01T00:00:00' }]]} />`;
}

function Calendar({ id, zone }) {
  const { data, error } = usePoll(`/jobs/${id}/fires`, { every: 5000 });
  if (!data) {
    return html`<${Card} wide title="Calendar"><${Waiting} error=${error} />
      <//>`;
  }
  const slot = (fire) => {
    const text = `${time(fire.scheduled_at, zone)}: ${fire.status}${
      fire.late >= LATE_SECONDS ? `, ${seconds(fire.late)} late` : ''}${
      fire.reason ? `, ${fire.reason}` : ''}`;
    const kind = fire.late >= LATE_SECONDS ? 'warn' : KINDS[fire.status];
    return fire.execution_id ? html`<a class="slot ${kind}" title=${text}
      aria-label=${text} href="#/executions/${fire.execution_id}"></a>`
      : html`<span class="slot ${kind || ''}" title=${text} role="img"
        aria-label=${text}></span>`;
  };
  const isPlanned = (fire) => fire.status === 'planned';
  const past = data.fires.filter((fire) => !isPlanned(fire));
  const fires = [...past.slice(-MAX_PAST),
    ...data.fires.filter(isPlanned).slice(0, MAX_PLANNED)];
  return html`<${Card} wide title=${`Calendar in ${zone}`}
    aside=${html`<span class="badges"><${Badge} kind="good">done<//>
      <${Badge} kind="warn">late, skipped or paused<//>
      <${Badge} kind="bad">refused<//><${Badge} kind="info">planned<//>
      </span>`}>${fires.length ? byDay(fires, zone).map(([day, items]) => html`
    <div class="day"><span>${day}</span><div class="calendar">
      ${items.map(slot)}</div></div>`)
    : html`<p class="muted">No fire times yet.</p>`}<//>`;
}

function Backfill({ id }) {
  const now = Date.now();
  const format = (value) => new Date(value).toISOString().slice(0, 16);
  const [since, setSince] = useState(format(now - DAY_MS));
  const [plan, setPlan] = useState(null);
  const send = async (isDry) => call('POST', `/jobs/${id}/backfill`, {
    since: `${since}:00`, dry_run: isDry }, { policy: 'job:backfill' });
  const check = async () => setPlan((await send(true)).fires);
  const run = async () => {
    const { fires } = await send(false);
    setPlan(null);
    toast(`Started ${fires.length} executions.`);
  };
  return html`<${Card} title="Backfill"><p class="muted">Runs the times that
    were skipped, refused or paused; each time runs once.</p>
    <div class="row"><${Field} label="Since (UTC)"><input
      type="datetime-local" value=${since}
      onInput=${(event) => setSince(event.target.value)} /><//>
    <${Action} label="Count" policy="job:backfill"
      disabled=${!since || Number.isNaN(parseTime(since))} run=${check} />
    ${plan ? html`<${Action} label=${`Run ${plan.length} times`}
      kind="primary" policy="job:backfill" disabled=${!plan.length}
      run=${run} />` : ''}</div><//>`;
}
