// SPDX-License-Identifier: Apache-2.0
/** Form for the input of a function, from its JSON Schema. */
import { html } from '../vendor/htm-preact.js';
import { Field } from '../components.js';

/** Return the properties that a form can show, or null without any. */
export function properties(schema) {
  const entries = Object.entries(schema?.properties || {});
  return entries.length ? entries : null;
}

/** Return an input with the defaults of a schema. */
export function defaults(schema) {
  return Object.fromEntries((properties(schema) || []).filter(
    ([, part]) => part?.default !== undefined).map(
    ([name, part]) => [name, part.default]));
}

/**
 * Fields for the properties of an object.
 *
 * @param {object} schema of the input
 * @param {object} value input until now
 * @param {function} onChange receives the new input
 */
export function InputForm({ schema, value, onChange }) {
  const required = schema.required || [];
  const set = (name, next) => {
    const { [name]: _previous, ...rest } = value;
    onChange(next === undefined ? rest : { ...rest, [name]: next });
  };
  return html`<div class="stack form">${properties(schema).map(
    ([name, part]) => html`<${Property} key=${name} name=${name}
      part=${part} value=${value[name]} isRequired=${required.includes(name)}
      onChange=${(next) => set(name, next)} />`)}</div>`;
}

function Property({ name, part, value, isRequired, onChange }) {
  const label = `${part.title || name}${isRequired ? ' (required)' : ''}`;
  return html`<${Field} label=${label} hint=${part.description}>
    <${Control} part=${part} value=${value} onChange=${onChange} /><//>`;
}

/** Control of one value; an empty control means no value. */
function Control({ part, value, onChange }) {
  if (Array.isArray(part.enum)) {
    const index = part.enum.findIndex(
      (item) => JSON.stringify(item) === JSON.stringify(value));
    return html`<select value=${String(index)} onChange=${(event) =>
      onChange(part.enum[Number(event.target.value)])}>
      <option value="-1"></option>${part.enum.map((item, number) => html`
        <option value=${String(number)}>${typeof item === 'string' ? item
  : JSON.stringify(item)}</option>`)}</select>`;
  }
  if (part.type === 'boolean') {
    return html`<select value=${value === undefined ? '' : String(value)}
      onChange=${({ target }) => onChange(
    target.value === '' ? undefined : target.value === 'true')}>
      <option value=""></option><option value="true">yes</option>
      <option value="false">no</option></select>`;
  }
  if (part.type === 'integer' || part.type === 'number') {
    return html`<input type="number" value=${value ?? ''}
      step=${part.type === 'integer' ? 1 : 'any'}
      min=${part.minimum} max=${part.maximum}
      onInput=${({ target }) => onChange(
    target.value === '' ? undefined : Number(target.value))} />`;
  }
  if (part.type === 'string') {
    return html`<input value=${value ?? ''} maxlength=${part.maxLength}
      onInput=${({ target }) => onChange(
    target.value === '' ? undefined : target.value)} />`;
  }
  return html`<textarea rows="2" spellcheck=${false}
    placeholder="JSON" value=${value === undefined ? ''
  : JSON.stringify(value)} onChange=${({ target }) => {
  try {
    onChange(target.value.trim() === '' ? undefined
      : JSON.parse(target.value));
    target.setCustomValidity('');
  } catch (error) {
    target.setCustomValidity(error.message);
    target.reportValidity();
  }
}}></textarea>`;
}
