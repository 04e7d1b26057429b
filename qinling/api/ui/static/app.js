// SPDX-License-Identifier: Apache-2.0
/** Shell of the page: navigation, login, theme, and the choice of a view. */
import { html, render, useEffect, useState } from './vendor/htm-preact.js';
import { getOptions, getUser, login, logout, probe, waitForRows }
  from './api.js';
import { Field, Toasts, useSession } from './components.js';
import { dropDrafts, hasDrafts } from './drafts.js';
import { parseHash } from './format.js';
import * as functions from './views/functions.js';

const NAVIGATION = [['functions', 'Functions'], ['aliases', 'Aliases'],
  ['executions', 'Executions'], ['jobs', 'Jobs'], ['webhooks', 'Webhooks'],
  ['admin', 'Admin']];
/** Route -> module below views/, and the component in the module. */
const VIEWS = { functions: ['functions', 'Functions'],
  'functions/id': ['function', 'FunctionView'],
  'functions/id/versions': ['versions', 'Versions'],
  aliases: ['aliases', 'Aliases'], 'aliases/id': ['aliases', 'Alias'],
  executions: ['executions', 'Executions'],
  'executions/id': ['execution', 'Execution'],
  jobs: ['jobs', 'Jobs'], 'jobs/id': ['jobs', 'Job'],
  webhooks: ['webhooks', 'Webhooks'], 'webhooks/id': ['webhooks', 'Webhook'],
  admin: ['admin', 'Admin'] };
const modules = new Map([['functions', functions]]);

async function loadModule(name) {
  if (!modules.has(name)) modules.set(name, await import(`./views/${name}.js`));
}

/** Load the other views early, so that these work while the API is away. */
function loadModules() {
  Object.values(VIEWS).forEach(([name]) => loadModule(name).catch(() => {}));
}

/** Return the module of a view, or undefined until the module is there. */
function useModule(name, isDown) {
  const [, setLoaded] = useState(null);
  useEffect(() => {
    if (name) loadModule(name).then(() => setLoaded(name), () => {});
  }, [name, isDown]);
  return modules.get(name);
}

/** Return the module and the component of a route, or an empty list. */
function findView([noun = 'functions', id, part]) {
  return VIEWS[`${noun}${id ? '/id' : ''}${
    part === 'versions' ? '/versions' : ''}`] || [];
}

function View({ words, query, isDown }) {
  const [name, component] = findView(words);
  const id = words[1];
  const module = useModule(name, isDown);
  if (!name) {
    return html`<div class="empty"><h2>There is no such view</h2>
      <p><a href="#/functions">Go to the functions</a></p></div>`;
  }
  return module ? html`<${module[component]} key=${id} id=${id}
    query=${query} />` : '';
}

function useHash() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = () => setHash(location.hash);
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }, []);
  return parseHash(hash || '#/functions');
}

function useTheme() {
  const [theme, setTheme] = useState(localStorage.getItem('theme')
    || (matchMedia('(prefers-color-scheme: light)').matches
      ? 'light' : 'dark'));
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  return [theme, () => {
    const next = theme === 'dark' ? 'light' : 'dark';
    localStorage.setItem('theme', next);
    setTheme(next);
  }];
}

function Login() {
  const { auth } = getOptions();
  const [values, setValues] = useState(auth === 'keystone'
    ? { user: '', password: '', project: '', domain: 'Default' }
    : { user: '', password: '' });
  const [error, setError] = useState('');
  const set = (name) => (event) => setValues(
    { ...values, [name]: event.target.value });
  const submit = async (event) => {
    event.preventDefault();
    try {
      await login(values);
    } catch (reason) {
      setError(reason.message);
    }
  };
  return html`<main class="login"><form onSubmit=${submit}>
    <h1><${Mark} /> Log in</h1>
    <p class="sub">The password stays in the memory of this page.</p>
    ${Object.keys(values).map((name) => html`<${Field} key=${name}
      label=${name[0].toUpperCase() + name.slice(1)}><input required
      type=${name === 'password' ? 'password' : 'text'} name=${name}
      autocomplete=${name === 'user' ? 'username' : name === 'password'
    ? 'current-password' : 'off'}
      value=${values[name]} onInput=${set(name)} /><//>`)}
    ${error ? html`<p class="error" role="alert">${error}</p>` : ''}
    <button class="primary" type="submit">Log in</button></form></main>`;
}

function Mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="8" /><path d="M6 23 13 9l5 9 3-5 5 10z" />
    </svg>`;
}

/** Log out, after a question if code would be lost. */
function leave() {
  if (hasDrafts() && !window.confirm(
    'Log out and discard the code that is not saved?')) return;
  dropDrafts();
  logout();
}

function Sidebar({ current, theme, toggleTheme }) {
  return html`<nav class="sidebar" aria-label="Views">
    <a class="brand" href="#/functions"><${Mark} /> Qinling</a>
    <div class="links">${NAVIGATION.map(([noun, title]) => html`
      <a href="#/${noun}" class="nav-${noun}"
        aria-current=${noun === current ? 'page' : undefined}>${title}</a>`)}
    </div><div class="foot">
    <button class="quiet theme" onClick=${toggleTheme}>
      ${theme === 'dark' ? 'Light' : 'Dark'} theme</button>
    <a class="quiet" href="../v1/docs">API</a>
    ${getUser() ? html`<button class="quiet" onClick=${leave}>
      Log out ${getUser()}</button>` : ''}
    <small>${getOptions().version}</small></div></nav>`;
}

function App() {
  const session = useSession();
  const { words, query } = useHash();
  const [theme, toggleTheme] = useTheme();
  useEffect(() => { setTimeout(loadModules, 1000); }, []);
  useEffect(() => {
    document.title = `${words.slice(0, 2).join(' ') || 'functions'} – Qinling`;
    document.querySelector('main')?.scrollTo(0, 0);
  }, [words.join('/')]);
  const banner = session.down ? html`<div class="banner" key="banner"
    role="alert">
    <span>The API does not answer. What you see is the last state; the page
    tries again by itself.</span>
    <button onClick=${probe}>Try again</button></div>` : '';
  // The views stay while a session has ended: nothing typed is lost.
  return html`${banner}<div class="shell" key="shell"
    hidden=${session.needsLogin}>
    <${Sidebar} current=${words[0] || 'functions'} theme=${theme}
      toggleTheme=${toggleTheme} />
    <main class="content">${session.needsLogin && !getUser() ? ''
    : html`<${View} words=${words} query=${query}
      isDown=${session.down} />`}</main></div>
    ${session.needsLogin ? html`<${Login} />` : ''}<${Toasts} />`;
}

const root = document.getElementById('app');
const [first] = findView(parseHash(location.hash).words);
await Promise.all([waitForRows(), first && loadModule(first).catch(() => {})]);
root.textContent = '';
render(html`<${App} />`, root);
