/** Platforms: who may launch, what is wrong with a registration, which launches were rejected and why. */
import { session } from './session.js';
import { api } from './api.js';

const byId = id => document.getElementById(id);
const moment = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' });
const KINDS = { ok: 'good', warning: 'warn', failure: 'bad', approved: 'good', pending: 'warn', denied: 'bad', active: 'good', blocked: 'bad' };

function element(name, { text, className, attributes = {} } = {}, ...children) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const badge = text => element('span', { text, className: `badge ${KINDS[text] ?? ''}` });

function table(caption, titles, rows, empty) {
  const made = element('table');
  made.createCaption().textContent = caption;
  made.caption.className = 'visually-hidden';
  const head = made.createTHead().insertRow();
  for (const title of titles) head.append(element('th', { text: title, attributes: { scope: 'col' } }));
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const value of row) line.insertCell().append(value ?? '');
  }
  if (!rows.length) {
    const cell = body.insertRow().insertCell();
    cell.colSpan = titles.length;
    cell.className = 'soft';
    cell.textContent = empty;
  }
  return made;
}

/** A button that does something to a platform, says what came of it, and shows the platform anew. */
function action(label, of, work, className = 'small') {
  const button = element('button', { text: label, className, attributes: { type: 'button', 'aria-label': `${label}: ${of}` } });
  button.addEventListener('click', async () => {
    button.disabled = true;
    try {
      await work();
      byId('said').textContent = `${label}: done.`;
    } catch (problem) {
      byId('said').textContent = problem.message;
      button.after(element('span', { className: 'soft', text: problem.message, attributes: { role: 'alert' } }));
    } finally {
      button.disabled = false;
    }
  });
  return button;
}

function diagnosis(found) {
  return element('div', { className: 'scroll', attributes: { tabindex: '0', role: 'region', 'aria-label': 'What was found' } },
    table('What was found', ['Step', '', 'Found', 'What to do'],
      found.steps.map(step => [step.step, badge(step.verdict), step.found, step.advice]), ''));
}

async function deployments(one, again) {
  const { items } = await api(`/api/ops/registrations/${one.id}/deployments`);
  const decide = (deployment, state) => () =>
    api(`/api/ops/registrations/${one.id}/deployments`, { method: 'PUT', body: { deployment_id: deployment, state } }).then(again);
  return element('div', { className: 'scroll', attributes: { tabindex: '0', role: 'region', 'aria-label': 'Deployments' } },
    table('Deployments', ['Deployment', 'State', 'First seen', ''], items.map(each => [
      each.deployment_id, badge(each.state), moment.format(new Date(each.first_seen_at)),
      each.state === 'active'
        ? action('Block', each.deployment_id, decide(each.deployment_id, 'blocked'), 'small danger')
        : action('Let launch', each.deployment_id, decide(each.deployment_id, 'active')),
    ]), 'No deployments.'));
}

/** Whoever approves a platform sees every address that it will be believed and called at. */
function addresses(one) {
  const list = element('dl', { className: 'addresses soft' });
  for (const [label, value] of [['Logins', one.authorization_endpoint], ['Tokens', one.token_endpoint ?? 'none'], ['Keys', one.jwks_uri]]) {
    list.append(element('div', {}, element('dt', { text: label }), element('dd', { text: value })));
  }
  return list;
}

function card(one) {
  const place = element('section', { className: 'card', attributes: { 'aria-label': one.name } });
  const put = path => api(`/api/ops/registrations/${one.id}/${path}`, { method: 'POST' });
  const shown = element('div');
  const again = async () => {
    const fresh = card(await api(`/api/ops/registrations/${one.id}`));
    place.replaceWith(fresh);
    await changes();
  };
  const buttons = element('div', { className: 'row' },
    action('Check', one.name, async () => shown.replaceChildren(diagnosis(await put('check'))), 'small primary'),
    action('Deployments', one.name, async () => shown.replaceChildren(await deployments(one, again))),
    one.paused
      ? action('Resume', one.name, () => put('resume').then(again))
      : action('Pause', one.name, () => put('pause').then(again)));
  if (one.source === 'dynamic') {
    if (one.approval !== 'approved') buttons.append(action('Approve', one.name, () => put('approve').then(again), 'small primary'));
    if (one.approval !== 'denied') buttons.append(action('Deny', one.name, () => put('deny').then(again), 'small danger'));
  }
  place.append(
    element('div', { className: 'row spread' },
      element('h2', { text: one.name }),
      element('div', { className: 'row' }, badge(one.approval), ...(one.paused ? [element('span', { text: 'paused', className: 'badge warn' })] : []),
        element('span', { text: one.source, className: 'badge' }))),
    element('p', { className: 'soft', text: `${one.issuer} · client ${one.client_id} · ${one.active_deployment_count} ${one.active_deployment_count === 1 ? 'deployment' : 'deployments'}, ${one.pending_deployment_count} waiting` }),
    addresses(one), buttons, shown);
  return place;
}

let next = null;

async function registrations(before) {
  const page = await api(`/api/ops/registrations?limit=20${before ? `&before=${before}` : ''}`);
  if (!before) byId('registrations').replaceChildren();
  byId('registrations').append(...page.items.map(card));
  if (!page.items.length && !before) byId('registrations').append(element('p', { className: 'soft', text: 'No platform is registered.' }));
  next = page.next;
  byId('older').hidden = !next;
}

async function rejections() {
  const { items } = await api('/api/ops/lti/rejections');
  byId('rejections').replaceChildren(table('Rejected launches', ['When', 'Reference', 'Rule', 'What was wrong', 'Platform', 'Client', 'Trace'],
    items.map(one => [moment.format(new Date(one.at)), one.reference, one.rule, one.detail, one.issuer, one.client_id, one.trace_id]),
    'No launch was rejected lately.'));
}

async function changes() {
  const { items } = await api('/api/ops/lti/audit?limit=20');
  byId('audit').replaceChildren(table('Changes', ['When', 'Who', 'What', 'About'],
    items.map(one => [moment.format(new Date(one.at)), one.actor, one.action, one.detail]), 'Nothing was changed yet.'));
}

if (session.operator) {
  byId('platforms').hidden = false;
  byId('older').addEventListener('click', () => registrations(next));
  await Promise.all([registrations(), rejections(), changes()]).catch(problem => { byId('said').textContent = problem.message; });
} else {
  byId('not-operator').hidden = false;
}
