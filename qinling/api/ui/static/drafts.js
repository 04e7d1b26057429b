// SPDX-License-Identifier: Apache-2.0
/** Code that is typed and not saved: it stays in the memory of the page. */
import { useState } from './vendor/htm-preact.js';

/** Key of the draft of a function that is not created yet. */
export const NEW = 'new';
/** Id of a function, or NEW -> draft of its code. */
const drafts = new Map();

/** Let the browser ask before the page and its drafts go away. */
function ask(event) {
  event.preventDefault();
  // Browsers before 2023 read this value.
  event.returnValue = true;
}

function update(change) {
  change();
  // A listener may keep browsers from storing the page for the way back.
  if (drafts.size) window.addEventListener('beforeunload', ask);
  else window.removeEventListener('beforeunload', ask);
}

export function hasDrafts() { return drafts.size > 0; }

export function getDraft(id) { return drafts.get(id) || null; }

export function keepDraft(id, draft) { update(() => drafts.set(id, draft)); }

export function dropDraft(id) { update(() => drafts.delete(id)); }

export function dropDrafts() { update(() => drafts.clear()); }

/**
 * Return the draft of a function, and a function that replaces the draft.
 *
 * @return {[?object, function(?object)]} `null` is no draft
 */
export function useDraft(id) {
  const [draft, setDraft] = useState(getDraft(id));
  return [draft, (value) => {
    if (value) keepDraft(id, value);
    else dropDraft(id);
    setDraft(value);
  }];
}
