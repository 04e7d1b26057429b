// SPDX-License-Identifier: Apache-2.0
/** Deliveries to a webhook: list, exact bytes, verdict, replay. */
import { html, useState } from '../vendor/htm-preact.js';
import { call, useList, usePoll } from '../api.js';
import { Action, Badge, Card, Commands, Copy, Empty, Field, Header, Id, Table,
  Time, toast, Waiting } from '../components.js';
import { bytes, query as makeQuery } from '../format.js';

const KINDS = { accepted: 'good', answered: 'info', repeated: 'info',
  refused: 'bad' };
const VERDICTS = { valid: 'good', invalid: 'bad', replayed: 'info',
  unsigned: 'warn', unchecked: 'warn' };
/** Bytes of a body that the page shows. */
const MAX_SHOWN = 65536;

const isText = (data) => !data.some((byte) => byte < 9
  || (byte > 13 && byte < 32));

/** Return bytes as text, or as a dump in hexadecimal. */
function show(data) {
  const part = data.subarray(0, MAX_SHOWN);
  const rest = data.length > MAX_SHOWN
    ? `\n… ${data.length - MAX_SHOWN} more bytes; download them` : '';
  if (isText(part)) return new TextDecoder().decode(part) + rest;
  const lines = [];
  for (let start = 0; start < part.length; start += 16) {
    const row = [...part.subarray(start, start + 16)];
    lines.push(`${start.toString(16).padStart(6, '0')}  ${row.map((byte) => byte
      .toString(16).padStart(2, '0')).join(' ').padEnd(47)}  ${row.map((byte) => (
      byte > 31 && byte < 127 ? String.fromCharCode(byte) : '.')).join('')}`);
  }
  return lines.join('\n') + rest;
}

/** Card with the last deliveries to a webhook. */
export function Deliveries({ row }) {
  const [status, setStatus] = useState('');
  const path = `/webhooks/${row.id}/deliveries`;
  const list = useList(path + makeQuery({ limit: 50, sort_dir: 'desc',
    sort_key: 'created_at', status }), 'deliveries');
  const columns = [
    { title: 'Delivery', cell: (item) => html`<${Id} value=${item.id} />` },
    { title: 'Status', cell: (item) => html`<${Badge}
      kind=${KINDS[item.status]}>${item.status}<//>` },
    { title: 'Signature', cell: (item) => html`<${Badge}
      kind=${VERDICTS[item.signature]}>${item.signature}<//>` },
    { title: 'When', cell: (item) => html`<${Time}
      value=${item.created_at} />` },
    { title: 'Answer', numeric: true, cell: (item) => item.status_code },
    { title: 'Execution', cell: (item) => (item.execution_status
      ? html`<${Badge} status=${item.execution_status} />` : '') },
    { title: 'Size', numeric: true, cell: (item) => bytes(item.size) }];
  const replay = async () => {
    const answer = await call('POST', `${path}/replay`,
      { filter: { status } }, { policy: 'delivery:replay' });
    toast(`Replayed ${answer.replays.filter((item) => item.execution_id)
      .length} of ${answer.count} deliveries.`);
    list.reload();
  };
  return html`<${Card} title="Deliveries" wide><div class="filters">
    <${Field} label="Status"><select value=${status}
      onChange=${(event) => setStatus(event.target.value)}>
      <option value="">all</option>${Object.keys(KINDS).map((name) => html`
      <option>${name}</option>`)}</select><//>
    ${status === 'refused' && list.rows.length ? html`<${Action}
      label="Replay all refused" policy="delivery:replay" run=${replay}
      confirm="The function runs for each delivery, at most 100." />` : ''}
    </div>
    ${!list.data ? html`<${Waiting} ...${list} />` : list.rows.length
    ? html`<${Table} label="Deliveries" columns=${columns} rows=${list.rows}
      onEnd=${list.loadMore}
      href=${(item) => `#/webhooks/${row.id}?delivery=${item.id}`} />`
    : row.keep_deliveries ? html`<${Empty} title="No delivery is on record"
      command=${`qinling webhook listen ${row.id}`}>Send a test.<//>`
    : html`<p class="muted">This webhook keeps no deliveries.</p>`}<//>`;
}

/** View of one delivery. */
export function Delivery({ row, id }) {
  const path = `/webhooks/${row.id}/deliveries/${id}`;
  const { data, error, reload } = usePoll(path);
  const body = usePoll(data?.has_body ? `${path}/body` : null,
    { every: 0, as: 'bytes' });
  const [target, setTarget] = useState('');
  if (!data) return html`<${Waiting} error=${error} reload=${reload} />`;
  const replay = async () => {
    const number = /^v?(\d+)$/.exec(target.trim());
    const answer = await call('POST', `${path}/replay`, !target.trim() ? {}
      : number ? { function_version: Number(number[1]) }
        : { function_alias: target.trim() }, { policy: 'delivery:replay' });
    toast('The delivery runs again.');
    location.hash = `#/webhooks/${row.id}?delivery=${answer.id}`;
  };
  const download = () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([body.data],
      { type: 'application/octet-stream' }));
    link.download = id;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return html`<${Header} title=${`Delivery ${id.slice(0, 8)}`}
    parent=${[row.description || 'Webhook', `#/webhooks/${row.id}`]}
    badge=${html`<${Badge} kind=${KINDS[data.status]}>${data.status}<//>`} />
    <div class="grid"><${Card} title="What happened"><dl class="facts">
      <dt>Received</dt><dd><${Time} value=${data.created_at} /></dd>
      <dt>From</dt><dd>${data.source_address || ''}</dd>
      <dt>Signature</dt><dd><${Badge} kind=${VERDICTS[data.signature]}>
        ${data.signature}<//></dd>
      <dt>Answer</dt><dd>${data.status_code || 'none yet'}</dd>
      ${data.reason ? html`<dt>Reason</dt><dd>${data.reason}</dd>` : ''}
      ${data.execution_id ? html`<dt>Execution</dt><dd>
        <a href="#/executions/${data.execution_id}">
        ${data.execution_id.slice(0, 8)}</a> ${data.execution_status
  ? html`<${Badge} status=${data.execution_status} />` : ''}${data.attempts > 1
  ? ` ${data.attempts} attempts` : ''}</dd>` : ''}
      ${data.replay_of ? html`<dt>Replay of</dt><dd>
        <a href="#/webhooks/${row.id}?delivery=${data.replay_of}">
        ${data.replay_of.slice(0, 8)}</a></dd>` : ''}</dl><//>
    <${Card} title="Replay"><div class="stack">
      <${Field} label="Version or alias" hint="Empty: as the webhook says.">
      <input value=${target} onInput=${(event) => setTarget(
    event.target.value)} /><//>
      <div><${Action} label="Replay" kind="primary" policy="delivery:replay"
        disabled=${!data.has_body} run=${replay} /></div></div><//>
    <${Card} title="Request" wide><${Copy} text=${`${data.method} ${
  data.path || '/'}${data.query ? `?${data.query}` : ''}`} />
      <pre class="code" tabindex="0" aria-label="Headers">${data.headers.map(
    ([name, value]) => `${name}: ${value}`).join('\n')}</pre><//>
    <${Card} title=${`Body, ${bytes(data.size || 0)}`} wide>
      ${!data.has_body ? html`<p class="muted">The body is not on record.</p>`
    : !body.data ? html`<${Waiting} ...${body} />` : html`
      <pre class="code" tabindex="0" aria-label="Body">${show(body.data)}</pre>
      <button onClick=${download}>Download</button>`}<//></div>
    <${Commands} actions=${[
    ['Show the delivery', `webhook delivery show ${row.id} ${id}`, 'GET',
      path],
    ['Replay the delivery', `webhook delivery replay ${row.id} ${id}`, 'POST',
      `${path}/replay`, {}]]} />`;
}
