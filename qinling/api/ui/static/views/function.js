// SPDX-License-Identifier: Apache-2.0
/** View of a function: code, run with an input, figures, publish. */
import { html, useEffect, useRef, useState } from '../vendor/htm-preact.js';
import { call, usePoll } from '../api.js';
import { Sparkline } from '../charts.js';
import { Action, Badge, Card, Commands, Editor, Field, Figure, Header, Tabs,
  toast, Waiting } from '../components.js';
import { dropDraft, getDraft, useDraft } from '../drafts.js';
import { bytes, output, percent, seconds } from '../format.js';
import { unzip, zip } from '../zip.js';
import { defaults, InputForm, properties } from './form.js';

/** Question before the deletion of a function. */
const DELETION = 'Delete the function with its versions? Its executions stay. '
  + 'A function that an alias, a job, a webhook or an event source uses is not '
  + 'deleted.';
const FINAL = ['success', 'failed', 'error', 'cancelled'];

/** Return the links to the parts of a function. */
export function parts(id) {
  return [['Code and run', `#/functions/${id}`],
    ['Versions', `#/functions/${id}/versions`],
    ['Executions', `#/executions?function_id=${id}`]];
}

export function FunctionView({ id }) {
  const { data, error, reload } = usePoll(`/functions/${id}`);
  const stats = usePoll(`/functions/${id}/stats?by=hour`, { every: 10000 });
  if (!data) return html`<${Waiting} error=${error} reload=${reload} />`;
  const remove = async () => {
    await call('DELETE', `/functions/${id}`, undefined,
      { policy: 'function:delete' });
    dropDraft(id);
    toast(`Deleted ${data.name || id}.`);
    location.hash = '#/functions';
  };
  const figures = stats.data;
  return html`<${Header} title=${data.name || id} sub=${data.description}
    parent=${['Functions', '#/functions']}>
    <${Publish} id=${id} latest=${data.latest_version} />
    <${Action} label="Delete" policy="function:delete" run=${remove}
      confirm=${DELETION} /><//>
    <${Tabs} items=${parts(id)} current="Code and run" />
    ${figures ? html`<div class="figures">
      <${Figure} label="Runs in 24 hours" value=${figures.count}
        note=${html`<${Sparkline} groups=${figures.groups} />`} />
      <${Figure} label="Failed" value=${percent(figures.count
    ? figures.failures / figures.count : 0)} />
      <${Figure} label="p50" value=${seconds(figures.duration?.p50)} />
      <${Figure} label="p95" value=${seconds(figures.duration?.p95)} />
      <${Figure} label="Memory" value=${bytes(data.memory_size)}
        note=${`timeout ${data.timeout} s, CPU ${data.cpu / 1000}`} />
      </div>` : ''}
    <div class="grid"><${Code} id=${id} row=${data} reload=${reload} />
    <${Run} id=${id} latest=${data.latest_version}
      schema=${data.input_schema} /></div>
    <${Commands} actions=${[
    ['Run', `function invoke ${id} --input '{}'`, 'POST', '/executions',
      { function_id: id, input: {} }],
    ['Publish a version', `function version create ${id}`, 'POST',
      `/functions/${id}/versions`, {}],
    ['Download the package', `function download ${id}`, 'GET',
      `/functions/${id}?download=true`, undefined, `${id}.zip`],
    ['Delete', `function delete ${id}`, 'DELETE', `/functions/${id}`]]} />`;
}

function Publish({ id, latest }) {
  const [message, setMessage] = useState(null);
  if (message === null) {
    return html`<button onClick=${() => setMessage('')}>Publish</button>`;
  }
  const publish = async () => {
    const row = await call('POST', `/functions/${id}/versions`,
      message ? { message } : {}, { policy: 'function_version:create' });
    toast(`Published version ${row.version_number}.`);
    setMessage(null);
  };
  return html`<span class="confirm"><input aria-label="Message"
    placeholder="What changed?" value=${message}
    onInput=${(event) => setMessage(event.target.value)} />
    <${Action} label=${`Publish version ${latest + 1}`} kind="primary"
      policy="function_version:create" run=${publish} />
    <button class="quiet" onClick=${() => setMessage(null)}>Close</button>
    </span>`;
}

function Code({ id, row, reload }) {
  const [stored, setStored] = useState(null);
  const [name, setName] = useState('');
  const [draft, setDraft] = useDraft(id);
  const isSaving = useRef(false);
  const [problem, setProblem] = useState('');
  const isPackage = row.code?.source === 'package';
  useEffect(() => {
    if (!isPackage) return undefined;
    let isLatest = true;
    call('GET', `/functions/${id}?download=true`, undefined,
      { as: 'bytes' }).then(unzip).then((entries) => {
      if (!isLatest) return;
      setStored({ files: entries, sha256: row.code.sha256 });
      setName((last) => (entries.find((entry) => entry.name === last)
        || entries.find((entry) => /^main\./.test(entry.name))
        || entries[0])?.name || '');
    }).catch((error) => setProblem(error.message));
    return () => { isLatest = false; };
  }, [id, row.code?.sha256]);
  if (!isPackage || problem) {
    return html`<${Card} title="Code"><p class="muted">${problem
      || `The code comes from the source ${row.code?.source}.`}</p><//>`;
  }
  if (!stored) return html`<${Card} title="Code"><${Waiting} /><//>`;
  const { files } = stored;
  const decode = (entry) => new TextDecoder().decode(entry.data);
  const entry = files.find((file) => file.name === name);
  const edits = draft?.edits || {};
  const text = edits[name] ?? (entry ? decode(entry) : '');
  const edit = (value) => {
    const next = { ...edits, [name]: value };
    // During a save, the text of another request becomes the stored one.
    if (!isSaving.current && entry && value === decode(entry)) {
      delete next[name];
    }
    setDraft(Object.keys(next).length
      ? { edits: next, base: draft?.base || stored.sha256 } : null);
  };
  const save = async () => {
    const saved = files.map((file) => ({ name: file.name,
      data: edits[file.name] === undefined ? file.data
        : new TextEncoder().encode(edits[file.name]) }));
    const form = new FormData();
    form.append('package', new Blob([zip(saved)]), 'package.zip');
    isSaving.current = true;
    let answer;
    try {
      answer = await call('PUT', `/functions/${id}`, form,
        { policy: 'function:update' });
    } finally {
      isSaving.current = false;
    }
    const { sha256 } = answer.code;
    setStored({ files: saved, sha256 });
    // What was typed during the save stays.
    const rest = Object.entries(getDraft(id)?.edits || {}).filter(
      ([file, value]) => value !== edits[file]);
    setDraft(rest.length ? { edits: Object.fromEntries(rest), base: sha256 }
      : null);
    toast('Saved; the latest code is changed, versions are not.');
    reload();
  };
  return html`<${Card} title="Code" aside=${html`<div class="row">
    ${files.length > 1 ? html`<select aria-label="File" value=${name}
      onChange=${(event) => setName(event.target.value)}>${files.map((file) =>
  html`<option value=${file.name}>${file.name}${edits[file.name] === undefined
    ? '' : ' (not saved)'}</option>`)}</select>`
    : html`<code>${name}</code>`}
    ${draft ? html`<${Badge} kind="warn">${draft.base === stored.sha256
    ? 'not saved' : 'not saved; the stored code has changed'}<//>
      <button class="quiet" onClick=${() => setDraft(null)}>Discard</button>`
    : ''}
    <${Action} label="Save" policy="function:update" kind="primary"
      disabled=${!draft} run=${save} /></div>`}>
    <${Editor} label=${`Code of ${name}`} value=${text}
      onChange=${edit} /><//>`;
}

function Run({ id, latest, schema: latestSchema }) {
  const [version, setVersion] = useState(0);
  const chosen = usePoll(version ? `/functions/${id}/versions/${version}`
    : null, { every: 0 });
  const schema = version ? chosen.data?.input_schema : latestSchema;
  const [input, setInput] = useState(() => JSON.stringify(
    defaults(latestSchema)));
  const [execution, setExecution] = useState(null);
  const run = async () => {
    setExecution(await call('POST', '/executions', { function_id: id,
      function_version: version, input: JSON.parse(input), sync: false },
    { policy: 'execution:create' }));
  };
  let fault = '';
  let value = null;
  try { value = JSON.parse(input); } catch (error) { fault = error.message; }
  const isObject = value && typeof value === 'object'
    && !Array.isArray(value);
  return html`<${Card} title="Run"><div class="stack">
    ${properties(schema) && isObject ? html`<${InputForm} schema=${schema}
      value=${value} onChange=${(next) => setInput(JSON.stringify(next))} />`
    : ''}
    <${Field} label="Input (JSON)" hint=${fault}><textarea rows="4"
      spellcheck=${false} value=${input}
      onInput=${(event) => setInput(event.target.value)}></textarea><//>
    <div class="row"><${Field} label="Version"><select value=${version}
      onChange=${(event) => setVersion(Number(event.target.value))}>
      <option value="0">latest code</option>${Array.from({ length: latest },
    (_, index) => html`<option value=${latest - index}>version
      ${' '}${latest - index}</option>`)}</select><//>
    <${Action} label="Run" kind="primary" policy="execution:create"
      disabled=${Boolean(fault)} run=${run} /></div>
    ${execution ? html`<${Outcome} id=${execution.id} />` : html`
      <p class="muted">The function runs in its sandbox; its result and its log
      appear here.</p>`}</div><//>`;
}

/** Status, result and log of an execution, live. */
export function Outcome({ id }) {
  const { data } = usePoll(`/executions/${id}`, { every: 400,
    until: (row) => FINAL.includes(row.status) });
  const isFinal = data && FINAL.includes(data.status);
  const log = usePoll(`/executions/${id}/log`,
    { every: isFinal ? 0 : 400, as: 'text' });
  if (!data) return html`<${Waiting} />`;
  return html`<div class="stack outcome"><div class="row">
    <${Badge} status=${data.status} /> <span>${seconds(data.duration)}</span>
    <a href="#/executions/${id}">Details</a></div>
    ${isFinal ? html`<pre class="code result" tabindex="0"
      aria-label="Result">${output(data.result)}</pre>` : ''}
    ${log.data ? html`<pre class="code log" tabindex="0" aria-label="Log">
    ${log.data}</pre>` : ''}</div>`;
}
