// SPDX-License-Identifier: Apache-2.0
/** View of all functions, and the form of a new one. */
import { html, useEffect, useRef, useState } from '../vendor/htm-preact.js';
import { call, LISTS, useList, usePoll } from '../api.js';
import { Sparkline } from '../charts.js';
import { Action, Badge, Card, Commands, Editor, Empty, Field, Figure, Header,
  Table, Waiting } from '../components.js';
import { dropDraft, getDraft, keepDraft, NEW, useDraft } from '../drafts.js';
import { describeTraffic, percent, seconds } from '../format.js';

const SAMPLE = "def main(name='world', **kwargs):\n"
  + "    print('Greeting', name)\n    return f'Hello, {name}'\n";
const FILE = 'main.py';
const EMPTY = { name: '', runtime_id: '', code: SAMPLE };
const SLOW_MS = 30000;
const TOTALS = { every: 10000 };
const FIGURES_MS = 50;

/** Return a map from the id of a function to its name. */
export function useNames() {
  const { data } = usePoll('/functions?fields=id,name&limit=1000',
    { every: SLOW_MS });
  return new Map((data?.functions || []).map((row) => [row.id, row.name]));
}

/** Bars of a visible row; its other cells get the figures, too. */
function Hours({ id, name, onData }) {
  const { data } = usePoll(`/functions/${id}/stats?by=hour`,
    { every: SLOW_MS, isLate: true });
  useEffect(() => { if (data) onData(id, data); }, [id, data]);
  return html`<${Sparkline} groups=${data?.groups} label=${name} />`;
}

export function Functions() {
  const [search, setSearch] = useState('');
  const list = useList(LISTS.functions, 'functions');
  const searched = useList(search
    ? LISTS.functions.replace('limit=50', 'limit=1000') : null, 'functions');
  const shown = searched.data ? searched : list;
  const aliases = usePoll('/aliases?limit=1000', TOTALS);
  const stats = usePoll('/stats', TOTALS);
  // The figures of all functions would be most of the page.
  const [figures, setFigures] = useState(new Map());
  const arrived = useRef(new Map());
  const addFigures = (id, data) => {
    // One picture for the figures of many rows.
    if (!arrived.current.size) {
      setTimeout(() => {
        const added = arrived.current;
        arrived.current = new Map();
        setFigures((last) => new Map([...last, ...added]));
      }, FIGURES_MS);
    }
    arrived.current.set(id, data);
  };
  const failures = usePoll(
    '/failures?sort_key=last_seen_at&sort_dir=desc&limit=200',
    TOTALS);
  const [isNew, setNew] = useState(Boolean(getDraft(NEW)));
  const errors = new Map([...(failures.data?.failures || [])].reverse().map(
    (failure) => [failure.function_id, failure]));
  const aliasesOf = (id) => (aliases.data?.function_aliases || []).filter(
    (alias) => alias.function_id === id);
  const rows = shown.rows.filter((row) => `${row.name} ${row.description}`
    .toLowerCase().includes(search.toLowerCase()));
  const columns = [
    { title: 'Function', cell: (row) => row.name || row.id.slice(0, 8) },
    { title: 'Aliases', cell: (row) => html`<span class="badges">
      ${aliasesOf(row.id).map((alias) => html`<${Badge} kind="info">
        ${alias.name} → ${describeTraffic(alias)}<//>`)}
      ${row.latest_version ? '' : html`<span class="muted">latest code</span>`}
      </span>` },
    { title: 'Last 24 hours', cell: (row) => html`<${Hours} id=${row.id}
      name=${row.name} onData=${addFigures} />` },
    { title: 'Runs', numeric: true,
      cell: (row) => figures.get(row.id)?.count ?? '–' },
    { title: 'Failed', numeric: true, cell: (row) => {
      const group = figures.get(row.id);
      return group?.count ? html`<span class=${group.failures ? 'error' : ''}>
        ${percent(group.failures / group.count)}</span>` : '–';
    } },
    { title: 'p50', numeric: true,
      cell: (row) => seconds(figures.get(row.id)?.duration?.p50) },
    { title: 'p95', numeric: true,
      cell: (row) => seconds(figures.get(row.id)?.duration?.p95) },
    { title: 'Last error', cell: (row) => {
      const failure = errors.get(row.id);
      return failure ? html`<a class="clip" title=${failure.message}
        href="#/executions?fingerprint=${failure.id}">
        ${failure.message || failure.reason}</a>` : '';
    } }];
  const total = stats.data;
  return html`<${Header} title="Functions"
    sub="Code that runs on request, on a schedule or for a webhook.">
    <button class="primary" onClick=${() => setNew(!isNew)}
      aria-expanded=${isNew}>New function</button><//>
    ${isNew ? html`<${Create} />` : ''}
    ${stats.error ? '' : html`<div class="figures">
      <${Figure} label="Runs in 24 hours" value=${total?.count ?? '–'} />
      <${Figure} label="Failed" value=${percent(total?.count
    ? total.failures / total.count : total && 0)} />
      <${Figure} label="p50" value=${seconds(total?.duration?.p50)} />
      <${Figure} label="p95" value=${seconds(total?.duration?.p95)} />
      <${Figure} label="Cold starts" value=${total?.cold_starts ?? '–'}
      /></div>`}
    ${!list.data ? html`<${Waiting} ...${list} />`
    : !list.rows.length ? html`<${Empty} title="No functions yet"
      command="qinling function create --name greeter --runtime python3 --file main.py"
      >A function is a file with a <code>main</code>. Write one here with
      “New function”, or upload it with the command line.<//>`
      : html`<div class="filters"><${Field} label="Search"><input
        type="search" value=${search} onInput=${
  (event) => setSearch(event.target.value)} /><//></div>
      <${Table} label="Functions" columns=${columns} rows=${rows}
        onEnd=${shown.loadMore} href=${(row) => `#/functions/${row.id}`} />`}
    <${Commands} actions=${[
    ['List the functions', 'function list', 'GET', '/functions'],
    ['Statistics of the project', 'function stats --by function', 'GET',
      '/stats?by=function']]} />`;
}

function Create() {
  const { data } = usePoll('/runtimes?limit=100', { every: 0 });
  const [draft, setDraft] = useDraft(NEW);
  const values = draft || EMPTY;
  const { code } = values;
  const set = (changes) => {
    const next = { ...values, ...changes };
    setDraft(Object.keys(EMPTY).some((key) => next[key] !== EMPTY[key])
      ? next : null);
  };
  const runtimes = (data?.runtimes || []).filter(
    (runtime) => runtime.status === 'available');
  const python = runtimes.find((runtime) => runtime.name === 'python3');
  const runtime = values.runtime_id || (python || runtimes[0])?.id;
  const run = async () => {
    const { zip } = await import('../zip.js');
    const form = new FormData();
    form.append('name', values.name);
    form.append('runtime_id', runtime);
    form.append('code', '{"source": "package"}');
    form.append('package', new Blob([zip([{ name: FILE,
      data: new TextEncoder().encode(code) }])]), 'package.zip');
    const row = await call('POST', '/functions', form,
      { policy: 'function:create' });
    // What was typed during the creation becomes a draft of the function.
    const typed = getDraft(NEW)?.code;
    if (typed !== undefined && typed !== code) {
      keepDraft(row.id, { edits: { [FILE]: typed }, base: row.code.sha256 });
    }
    dropDraft(NEW);
    location.hash = `#/functions/${row.id}`;
  };
  return html`<div class="grid"><${Card} wide title="New function">
    <div class="stack"><div class="row">
    <${Field} label="Name"><input name="name" value=${values.name}
      onInput=${(event) => set({ name: event.target.value })} /><//>
    <${Field} label="Runtime"><select value=${runtime} onChange=${
  (event) => set({ runtime_id: event.target.value })}>
      ${runtimes.map((item) => html`<option value=${item.id}>${item.name}
      </option>`)}</select><//></div>
    <${Editor} label=${`Code of ${FILE}`} value=${code} rows="8"
      onChange=${(text) => set({ code: text })} />
    <div class="row"><${Action} label="Create" kind="primary" policy="function:create"
      disabled=${!values.name || !runtime} run=${run} />
    ${draft ? html`<button class="quiet" onClick=${() => setDraft(null)}>
      Discard</button>` : ''}</div></div><//></div>`;
}
