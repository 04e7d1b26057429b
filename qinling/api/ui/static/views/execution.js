// SPDX-License-Identifier: Apache-2.0
/** View of an execution: stages, input, result, log, rerun. */
import { html, useState } from '../vendor/htm-preact.js';
import { call, usePoll } from '../api.js';
import { Waterfall } from '../charts.js';
import { Action, Badge, Card, Commands, Copy, Field, Header, Time, toast,
  Waiting } from '../components.js';
import { bytes, output, pretty, seconds } from '../format.js';
import { useNames } from './functions.js';

const FINAL = ['success', 'failed', 'error', 'cancelled'];
/** What an execution in a line of the flow control waits for. */
const WAITS = { concurrency: 'the end of other executions',
  rate: 'the rate of starts', debounce: 'the last of several executions',
  start: 'the time of a backfill' };
const isFinal = (row) => FINAL.includes(row.status);

export function Execution({ id }) {
  const { data, error, reload } = usePoll(`/executions/${id}`,
    { every: 1000, until: isFinal });
  const log = usePoll(data ? `/executions/${id}/log` : null, { as: 'text',
    every: data && isFinal(data) ? 0 : 1000 });
  const names = useNames();
  if (!data) return html`<${Waiting} error=${error} reload=${reload} />`;
  const cancel = async () => {
    await call('POST', `/executions/${id}/cancel`, undefined,
      { policy: 'execution:cancel' });
    reload();
  };
  const remove = async () => {
    await call('DELETE', `/executions/${id}`, undefined,
      { policy: 'execution:delete' });
    toast('Deleted the execution.');
    location.hash = '#/executions';
  };
  const code = (text, label) => html`<pre class="code ${label.toLowerCase()}"
    tabindex="0" aria-label=${label}>${text || '–'}</pre>`;
  return html`<${Header} title=${names.get(data.function_id) || 'Execution'}
    parent=${['Executions', '#/executions']}
    badge=${html`<${Badge} status=${data.status} />`}>
    ${isFinal(data) ? '' : html`<${Action} label="Cancel" run=${cancel}
      policy="execution:cancel" />`}
    <${Action} label="Delete" policy="execution:delete" run=${remove}
      confirm="Delete the execution and its log?" /><//>
    <div class="grid"><${Card} title="Time" aside=${html`<span class="muted">
      ${seconds(data.duration)}</span>`}><${Waterfall} row=${data} /><//>
    <${Card} title="Facts"><dl class="facts">
      <dt>Id</dt><dd><${Copy} text=${data.id} /></dd>
      <dt>Function</dt><dd><a href="#/functions/${data.function_id}">
        ${names.get(data.function_id) || data.function_id}</a>, ${
  data.function_version ? `version ${data.function_version}` : 'latest code'}
        ${data.function_alias ? html` through <a
        href="#/aliases/${encodeURIComponent(data.function_alias)}">
        ${data.function_alias}</a>` : ''}</dd>
      <dt>Created</dt><dd><${Time} value=${data.created_at} /> by
        ${' '}${data.trigger}${data.rerun_of ? html` of <a
        href="#/executions/${data.rerun_of}">${data.rerun_of.slice(0, 8)}</a>`
    : ''}${data.job_id ? html`, <a href="#/jobs/${data.job_id}">job</a>` : ''}
      </dd>
      ${data.reason ? html`<dt>Reason</dt><dd class="error">${data.reason}
        ${data.fingerprint ? html` (<a href="#/executions?fingerprint=${
    data.fingerprint}">same failures</a>)` : ''}${
    data.detail ? html`<br />${data.detail}` : ''}</dd>` : ''}
      ${data.waiting_for ? html`<dt>Waits for</dt>
        <dd>${WAITS[data.waiting_for.reason]}, place ${data.waiting_for.place}
        ${data.waiting_for.key ? html` of the key
          <code>${data.waiting_for.key}</code>` : ''}${data.waiting_for.until
    ? html`, until <${Time} value=${data.waiting_for.until} />` : ''}</dd>`
    : ''}
      <dt>Attempt</dt><dd>${data.attempt || 1}${data.next_attempt_at
    ? html`, next <${Time} value=${data.next_attempt_at} />` : ''}</dd>
      <dt>Memory</dt><dd>${bytes(data.memory_peak)} at most</dd></dl><//>
    <${Card} title="Input">${code(pretty(data.input), 'Input')}<//>
    <${Card} title="Result">${code(output(data.result), 'Result')}<//>
    <${Card} wide title="Log">${code(log.data || (isFinal(data)
    ? 'The log is empty.' : 'The log appears at the end of the run.'),
  'Log')}<//>
    <${Rerun} row=${data} /></div>
    <${Commands} actions=${[
    ['Show', `function execution show ${id}`, 'GET', `/executions/${id}`],
    ['Log', `function execution log show ${id}`, 'GET',
      `/executions/${id}/log`],
    ['Run again', `function execution rerun ${id}`, 'POST',
      `/executions/${id}/rerun`, {}],
    ['Explain', `function execution create --function ${data.function_id} `
      + `--function-version ${data.function_version} --dry-run`, 'POST', '/executions/explain', {
      function_id: data.function_id,
      function_version: data.function_version }]]} />`;
}

function Rerun({ row }) {
  const own = pretty(row.input) || '{}';
  const { data } = usePoll(`/functions/${row.function_id}`, { every: 0 });
  const [input, setInput] = useState(null);
  const [version, setVersion] = useState(row.function_version);
  const [explanation, setExplanation] = useState(null);
  const text = input ?? own;
  const parse = () => {
    try { return JSON.parse(text); } catch { return text; }
  };
  const body = () => ({ function_id: row.function_id,
    function_version: version, input: parse() });
  const run = async () => {
    // The API reruns the stored input; another input is a new execution.
    const next = input === null
      ? await call('POST', `/executions/${row.id}/rerun`,
        { version: version ? String(version) : 'current', sync: false },
        { policy: 'execution:rerun' })
      : await call('POST', '/executions', { ...body(), sync: false,
        description: `Rerun of execution ${row.id}` },
      { policy: 'execution:create' });
    toast('Started.');
    location.hash = `#/executions/${next.id}`;
  };
  const explain = async () => setExplanation(await call('POST',
    '/executions/explain', body(), { policy: 'execution:explain' }));
  const versions = Array.from({ length: data?.latest_version || 0 },
    (_, index) => data.latest_version - index);
  return html`<${Card} wide title="Run again"><div class="stack">
    <${Field} label="Input"><textarea rows="4" spellcheck=${false}
      value=${text} onInput=${(event) => setInput(event.target.value)}>
      </textarea><//><div class="row"><${Field} label="Version">
    <select value=${version} onChange=${(event) => setVersion(
  Number(event.target.value))}><option value="0">latest code</option>
    ${versions.map((number) => html`<option value=${number}>version ${number}
    </option>`)}</select><//>
    <${Action} label="Run again" kind="primary" policy="execution:rerun"
      disabled=${!isFinal(row)} run=${run} />
    <${Action} label="Explain" policy="execution:explain" run=${explain} />
    </div>${explanation ? html`<p><${Badge} kind=${explanation.allowed
    ? 'good' : 'bad'}>${explanation.allowed ? 'allowed' : 'refused'}<//>
      ${' '}${pretty(explanation.refusal)}</p><pre class="code" tabindex="0"
      aria-label="Explanation">${pretty(explanation.targets)}</pre>` : ''}
    </div><//>`;
}
