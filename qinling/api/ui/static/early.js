// SPDX-License-Identifier: Apache-2.0
/* Code within the page: ask for the rows of the first view before the modules
   are there.  Without a login only, and without parameters. */
window.early = (() => {
  const lists = {
    functions: '/functions?fields=id,name,description,latest_version'
      + '&sort_key=name&sort_dir=asc&limit=50',
    executions: '/executions?limit=200&fields=id,status,function_id,'
      + 'function_version,function_alias,created_at,duration,trigger,reason,'
      + 'cold&sort_dir=desc' };
  const options = JSON.parse(document.querySelector(
    'meta[name=qinling-options]').content);
  const path = lists[location.hash.replace(/^#\/?/, '') || 'functions'];
  if (!path || options.auth !== 'noauth') return { lists, options };
  return { lists, options, path, answer: fetch(`../v1${path}`, { credentials: 'omit',
    headers: { Accept: 'application/json, application/problem+json' } })
    .catch(() => null) };
})();
