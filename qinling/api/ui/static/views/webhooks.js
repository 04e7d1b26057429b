// SPDX-License-Identifier: Apache-2.0
/** Views of webhooks: URL, secret, test sender, deliveries. */
import { html, useState } from '../vendor/htm-preact.js';
import { call, useList, usePoll } from '../api.js';
import { Action, Badge, Card, Commands, Copy, Empty, Field, Header, Table,
  Time, toast, Waiting } from '../components.js';
import { time } from '../format.js';
import { Deliveries, Delivery } from './deliveries.js';
import { useNames } from './functions.js';

const SIGNATURES = ['github', 'gitlab', 'mailgun', 'meta', 'microsoft',
  'shopify', 'slack', 'standard', 'stripe', 'twilio'];

/** Return what a webhook calls. */
function target(row, names) {
  return row.function_alias || names.get(row.function_id) || row.function_id;
}

export function Webhooks() {
  const list = useList('/webhooks?limit=200', 'webhooks');
  const names = useNames();
  const [isNew, setNew] = useState(false);
  const columns = [
    { title: 'Webhook', cell: (row) => row.description || row.id.slice(0, 8) },
    { title: 'Calls', cell: (row) => html`<span class="clip">
      ${target(row, names)}</span>` },
    { title: 'Signature', cell: (row) => (row.signature
      ? html`<${Badge} kind="good">${row.signature}<//>`
      : html`<${Badge} kind="warn">unsigned<//>`) },
    { title: 'Answer', cell: (row) => (row.sync ? 'of the function'
      : 'at once') },
    { title: 'Rejected', numeric: true, cell: (row) => row.refused },
    { title: 'Created', cell: (row) => html`<${Time}
      value=${row.created_at} />` }];
  return html`<${Header} title="Webhooks"
    sub="URLs that run a function for other services.">
    <button class="primary" aria-expanded=${isNew}
      onClick=${() => setNew(!isNew)}>New webhook</button><//>
    ${isNew ? html`<${Create} names=${names} />` : ''}
    ${!list.data ? html`<${Waiting} ...${list} />` : !list.rows.length
    ? html`<${Empty} title="No webhooks yet"
      command="qinling webhook create --function NAME --signature github">A
      webhook gives a function a URL. With a signature, only senders that know
      the secret can use it.<//>`
    : html`<${Table} label="Webhooks" columns=${columns} rows=${list.rows}
      onEnd=${list.loadMore} href=${(row) => `#/webhooks/${row.id}`} />`}
    <${Commands} actions=${[['List the webhooks', 'webhook list', 'GET',
    '/webhooks']]} />`;
}

function Create({ names }) {
  const [values, setValues] = useState({ function_id: '', description: '',
    signature: '' });
  const [secret, setSecret] = useState(null);
  const set = (key) => (event) => setValues({ ...values,
    [key]: event.target.value });
  const run = async () => {
    const row = await call('POST', '/webhooks', { ...values,
      signature: values.signature || null }, { policy: 'webhook:create' });
    if (row.secret) setSecret(row);
    else location.hash = `#/webhooks/${row.id}`;
  };
  if (secret) {
    return html`<${Card} title="The secret is shown only now">
      <${Copy} text=${secret.secret} />
      <p><a href="#/webhooks/${secret.id}">Go to the webhook</a></p><//>`;
  }
  return html`<${Card} title="New webhook"><div class="row">
    <${Field} label="Description"><input value=${values.description}
      onInput=${set('description')} /><//>
    <${Field} label="Function"><select value=${values.function_id}
      onChange=${set('function_id')}><option value="">Choose</option>
      ${[...names].map(([id, name]) => html`<option value=${id}>${name}
      </option>`)}</select><//>
    <${Field} label="Signature"><select value=${values.signature}
      onChange=${set('signature')}><option value="">none</option>
      ${SIGNATURES.map((name) => html`<option>${name}</option>`)}</select><//>
    <${Action} label="Create" kind="primary" policy="webhook:create"
      disabled=${!values.function_id} run=${run} /></div><//>`;
}

export function Webhook({ id, query }) {
  const { data, error, reload } = usePoll(`/webhooks/${id}`);
  const names = useNames();
  if (!data) return html`<${Waiting} error=${error} reload=${reload} />`;
  if (query.delivery) {
    return html`<${Delivery} key=${query.delivery} row=${data}
      id=${query.delivery} />`;
  }
  const remove = async () => {
    await call('DELETE', `/webhooks/${id}`, undefined,
      { policy: 'webhook:delete' });
    location.hash = '#/webhooks';
  };
  return html`<${Header} title=${data.description || 'Webhook'}
    parent=${['Webhooks', '#/webhooks']}>
    <${Action} label="Delete" policy="webhook:delete" run=${remove}
      confirm="Senders will get errors." /><//>
    <div class="grid"><${Card} title="Address"><div class="stack">
      <${Copy} text=${data.webhook_url} /><dl class="facts">
      <dt>Calls</dt><dd>${target(data, names)}, ${data.function_version
    ? `version ${data.function_version}` : data.function_alias ? 'by alias'
      : 'latest code'}</dd>
      <dt>Answer</dt><dd>${data.sync ? 'of the function' : 'at once'}</dd>
      <dt>Payload</dt><dd>${data.payload}</dd>
      <dt>Rejected</dt><dd>${data.refused} deliveries</dd></dl></div><//>
    <${Secret} row=${data} reload=${reload} /><${Sender} row=${data} />
    <${Deliveries} row=${data} /></div>
    <${Commands} actions=${[
    ['Rotate the secret', `webhook secret rotate ${id}`, 'POST',
      `/webhooks/${id}/secret`, {}],
    ['Send a test', `webhook invoke ${id}`, 'POST',
      `/webhooks/${id}/invoke`, {}]]} />`;
}

function Secret({ row, reload }) {
  const [secret, setSecret] = useState('');
  const rotate = async () => {
    const answer = await call('POST', `/webhooks/${row.id}/secret`,
      row.signature ? {} : { signature: 'github' },
      { policy: 'webhook:update' });
    setSecret(answer.secret);
    toast('The new secret is shown only now.');
    reload();
  };
  return html`<${Card} title="Secret"><div class="stack">
    <p>${row.signature ? html`Senders sign in the scheme
      ${' '}<${Badge} kind="good">${row.signature}<//>.`
    : 'Everyone who knows the URL can send.'}
    ${row.previous_until ? ` The previous secret is valid until ${
    time(row.previous_until)}.` : ''}</p>
    ${secret ? html`<${Copy} text=${secret} />` : ''}
    <div><${Action} label=${row.signature ? 'Rotate' : 'Require a signature'}
      kind="primary" policy="webhook:update" run=${rotate} /></div></div><//>`;
}

async function sign(secret, text) {
  const encode = (value) => new TextEncoder().encode(value);
  const key = await crypto.subtle.importKey('raw', encode(secret),
    { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const bytes = new Uint8Array(await crypto.subtle.sign(
    'HMAC', key, encode(text)));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function Sender({ row }) {
  const [text, setText] = useState('{}');
  const [secret, setSecret] = useState('');
  const [answer, setAnswer] = useState(null);
  const canSign = row.signature === 'github';
  const send = async () => {
    const headers = { 'Content-Type': 'application/json' };
    if (canSign && secret) {
      headers['X-Hub-Signature-256'] = `sha256=${await sign(secret, text)}`;
    }
    try {
      const result = await call('POST', `/webhooks/${row.id}/invoke`, text,
        { headers, as: 'answer' });
      setAnswer({ status: result.status, body: await result.text(),
        headers: [...result.headers].map(([name, value]) =>
          `${name}: ${value}`).join('\n') });
    } catch (error) {
      setAnswer({ status: error.status, body: error.message, headers: '' });
    }
  };
  return html`<${Card} title="Test sender"><div class="stack">
    <${Field} label="Body (JSON)"><textarea rows="3" value=${text}
      spellcheck=${false} onInput=${(event) => setText(event.target.value)}>
      </textarea><//>
    ${canSign ? html`<${Field} label="Secret to sign with" hint=${
    'Stays in this page.'}><input type="password" autocomplete="off"
      value=${secret} onInput=${(event) => setSecret(event.target.value)} />
      <//>` : row.signature ? html`<p class="muted">The page signs in the
      scheme github only; sends without a signature.</p>` : ''}
    <div><${Action} label="Send" kind="primary" policy="webhook:invoke"
      run=${send} /></div>
    ${answer ? html`<div class="answer"><${Badge} kind=${answer.status < 300
    ? 'good' : 'bad'}>${answer.status}<//><pre class="code" tabindex="0"
      aria-label="Answer">${answer.headers}${'\n\n'}${answer.body}</pre>
      </div>` : ''}</div><//>`;
}
