/** The operations page: what the nodes measure, what the control plane decides, what jobs do. */
import { session } from './session.js';
import { api, events } from './api.js';
import { chart, clearCharts } from './charts.js';

const REFRESH_MS = 10000;
const byId = id => document.getElementById(id);
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const moment = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' });

const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const percent = value => `${number.format(value * 100)} %`;
const millis = value => `${number.format(value)} ms`;
const KINDS = {
  cpu: ['CPU', percent], memory: ['Memory', percent], requests: ['Requests', value => `${number.format(value)}/s`],
  p95_millis: ['Response time, p95', millis], error_rate: ['Errors', percent], query_millis: ['Query time', millis],
  replica_lag_millis: ['Replica lag', millis], backlog: ['Jobs waiting', value => number.format(value)],
  queue_depth: ['Queue depth', value => number.format(value)], shard_sockets: ['Sockets of the fullest shard', value => number.format(value)],
};

function element(name, { text, className, attributes = {} } = {}, ...children) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const badge = (text, kind = '') => element('span', { text, className: `badge ${kind}` });

/** A table of rows; a column is [title, value of a row, class]; a value is text or an element. */
function table(caption, columns, rows, empty) {
  const made = element('table');
  made.createCaption().textContent = caption;
  made.caption.className = 'visually-hidden';
  const head = made.createTHead().insertRow();
  for (const [title, , className] of columns) head.append(element('th', { text: title, className, attributes: { scope: 'col' } }));
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const [, value, className] of columns) {
      const cell = line.insertCell();
      if (className) cell.className = className;
      const content = value(row);
      cell.append(content === null || content === undefined ? '' : content);
    }
  }
  if (!rows.length) {
    const cell = body.insertRow().insertCell();
    cell.colSpan = columns.length;
    cell.className = 'soft';
    cell.textContent = empty;
  }
  return made;
}

/** Replaces what a region shows, unless it is the same: focus and scrolling stay where they are. */
function show(id, node) {
  const region = byId(id);
  const focused = region.contains(document.activeElement) ? document.activeElement.dataset?.key : undefined;
  if (region.firstElementChild?.outerHTML === node.outerHTML) return;
  region.replaceChildren(node);
  if (focused) region.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function trouble(id, problem) {
  show(id, element('p', { className: 'soft', text: problem.status === 404 ? 'Not offered by this node.' : `${problem.message}.` }));
}

async function section(id, load) {
  try {
    await load();
  } catch (problem) {
    if (problem.status === 401 || problem.status === 403) throw problem;
    trouble(id, problem);
  }
}

const plain = value => {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(plain).join(', ');
  if (typeof value === 'object') return Object.entries(value).map(([key, part]) => `${key} ${plain(part)}`).join(', ');
  if (typeof value === 'number') return number.format(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return /^\d{4}-\d\d-\d\dT/.test(value) ? moment.format(new Date(value)) : String(value);
};
const title = key => key.replaceAll('_', ' ').replace(/^./, first => first.toUpperCase());

/** Shows whatever the items say, one column for each of their fields. */
async function generic(id, path, caption, empty) {
  const answer = await api(path);
  const items = answer.items ?? answer;
  const keys = [...new Set(items.flatMap(item => Object.keys(item)))];
  const columns = keys.length ? keys.map(key => [title(key), item => plain(item[key])]) : [['', () => '']];
  show(id, table(caption, columns, items, empty));
}

async function health() {
  const response = await fetch('/actuator/health', { headers: { Accept: 'application/json' } });
  const document = await response.json();
  const parts = Object.entries(document.components ?? {});
  const box = element('div', { className: 'row' });
  const kind = status => (status === 'UP' ? 'good' : status === 'UNKNOWN' ? '' : 'bad');
  box.append(badge(`Node ${document.status === 'UP' ? 'up' : document.status.toLowerCase()}`, kind(document.status)));
  for (const [name, part] of parts) box.append(badge(`${name}: ${part.status.toLowerCase()}`, kind(part.status)));
  show('health', box);
}

const PRIORITIES = { high: 'bad', medium: 'warn', low: '' };
const STATES = { waiting: '', published: 'accent', running: 'accent', done: 'good', dead: 'bad', cancelled: 'warn', discarded: '', proposed: 'accent', lapsed: '' };
/** Nodes by the end of their id, which is what differs; everything else by its own name. */
function subjectName(subject) {
  return /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(subject) ? `node ${subject.slice(-6)}` : subject;
}

const RESOURCES = { replicas: 'read replica', consumers: 'consumer', room_shards: 'shard of the room', nodes: 'node' };

async function decisions() {
  const { items } = await api('/api/ops/decisions?limit=20');
  show('decisions', table('Decisions, newest first', [
    ['When', row => moment.format(new Date(row.at))],
    ['What', row => element('strong', { text: `${row.change > 0 ? 'Add' : 'Remove'} ${Math.abs(row.change)} ${RESOURCES[row.resource] ?? row.resource}${row.subject === 'cluster' ? '' : ` for ${subjectName(row.subject)}`}` })],
    ['Why', row => row.reason],
    ['Priority', row => badge(row.priority, PRIORITIES[row.priority])],
    ['State', row => badge(row.lapsed_at ? `${row.state} ${clock.format(new Date(row.lapsed_at))}` : row.state, STATES[row.state])],
    ['Mode', row => row.mode],
  ], items, 'No decision yet: everything has stayed within its limits.'));
}

let signalKinds = '';
const signalCharts = new Map();
async function signals() {
  const { items } = await api(`/api/ops/signals?window=${byId('window').value}`);
  const kinds = Object.keys(KINDS).filter(kind => items.some(item => item.kind === kind));
  const box = byId('signals');
  if (kinds.join() !== signalKinds || !box.querySelector('.chart')) {
    signalKinds = kinds.join();
    clearCharts(box);
    signalCharts.clear();
    for (const kind of kinds) signalCharts.set(kind, chart(box, KINDS[kind][0]));
    if (!kinds.length) box.append(element('p', { className: 'soft', text: 'No signals yet: the first come about ten seconds after the start.' }));
  }
  for (const [kind, draw] of signalCharts) {
    const unit = KINDS[kind][1];
    const series = items.filter(item => item.kind === kind);
    const last = series.map(item => `${subjectName(item.subject)} ${unit(item.points.at(-1).mean)}`);
    draw({
      series: series.map(item => ({
        name: subjectName(item.subject), kind: 'line', points: item.points.map(point => [Date.parse(point.at), point.mean]),
      })),
      unit,
      step: 10000,
      when: time => moment.format(new Date(time)),
      summary: `Now: ${last.slice(0, 4).join(', ')}${last.length > 4 ? ` and ${last.length - 4} more` : ''}.`,
    });
  }
}

const WHAT_MAY_BE_DONE = {
  waiting: [['cancel', 'Cancel']], published: [['cancel', 'Cancel']], running: [['cancel', 'Cancel']],
  dead: [['replay', 'Replay'], ['discard', 'Discard']],
};

function actions(job) {
  const box = element('div', { className: 'row' });
  const details = element('button', {
    text: 'Details', className: 'small', attributes: { type: 'button', 'aria-label': `Details of job ${job.id}`, 'data-key': `details-${job.id}` },
  });
  details.addEventListener('click', () => inspect(job));
  box.append(details);
  for (const [action, label] of WHAT_MAY_BE_DONE[job.state] ?? []) {
    if (action === 'cancel' && job.cancel_requested) continue;
    const button = element('button', {
      text: label,
      className: `small ${action === 'replay' ? '' : 'danger'}`,
      attributes: { type: 'button', 'aria-label': `${label} job ${job.id}`, 'data-key': `${action}-${job.id}` },
    });
    button.addEventListener('click', async () => {
      if (action !== 'replay' && !confirm(`${label} job ${job.id}?`)) return;
      button.disabled = true;
      try {
        await api(`/api/ops/jobs/${job.context}/${job.id}/${action}`, { method: 'POST' });
        byId('said').textContent = `${label}: done.`;
      } catch (problem) {
        byId('said').textContent = `${label} failed: ${problem.message}`;
      }
      await section('jobs', jobs);
    });
    box.append(button);
  }
  return box;
}

const duration = seconds => (seconds < 90 ? `${Math.round(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${number.format(seconds / 3600)} h`);

function progress(job) {
  if (job.state !== 'running') return '';
  const box = element('div', { className: 'stack tight' });
  const bar = element('progress', { attributes: { max: '100', value: String(job.percent), 'aria-label': `Progress of job ${job.id}` } });
  const words = [`${job.percent} %`, job.stage, job.speed ? `${number.format(job.speed)}×` : null,
    job.seconds_left === null || job.seconds_left === undefined ? null : `${duration(job.seconds_left)} left`,
    job.cancel_requested ? 'being cancelled' : null];
  box.append(bar, element('span', { className: 'soft', text: words.filter(Boolean).join(', ') }));
  return box;
}

/** What is known of one job; follows it while the dialog is open. */
async function inspect(job) {
  const dialog = byId('job');
  const closed = new AbortController();
  dialog.addEventListener('close', () => closed.abort(), { once: true });
  const draw = now => {
    byId('job-title').textContent = `${now.kind}, ${now.state}`;
    show('job-facts', table('What is known of the job', [['What', row => element('strong', { text: row[0] })], ['Value', row => row[1]]], [
      ['Job', now.id], ['Course', now.context], ['Trace', now.trace_id], ['Cause', now.cause], ['Attempt', String(now.attempt)],
      ['Type and lane', `${now.type}, ${now.lane}, score ${now.score}`], ['Progress', progress(now)],
      ['Asked for', plain(now.created_at)], ['Not before', plain(now.run_at)], ['Began', plain(now.started_at)],
      ['Ended', plain(now.finished_at)], ['Payload', JSON.stringify(now.payload)],
    ].filter(([, value]) => value !== null && value !== undefined && value !== ''), ''));
    show('job-attempts', table('Earlier attempts', [
      ['Attempt', row => String(row.attempt), 'number'], ['Began', row => plain(row.started_at)], ['Ended', row => plain(row.ended_at)],
      ['How', row => row.outcome.replaceAll('_', ' ') + (row.times > 1 ? `, ${row.times} times` : '')], ['Cause', row => row.cause],
    ], now.history, 'No attempt has failed.'));
  };
  draw(job);
  dialog.showModal();
  try {
    const path = `/api/ops/jobs/${job.context}/${job.id}`;
    draw(await api(path));
    await events(`${path}/events`, event => draw(event.data), { signal: closed.signal });
  } catch (problem) {
    if (problem.name !== 'AbortError') byId('said').textContent = problem.message;
  }
}

function jobFilters() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(byId('job-filters'))) {
    const text = value.trim();
    if (text) query.set(name, name === 'since' ? new Date(Date.now() - Number(text) * 1000).toISOString() : text);
  }
  return query;
}

let jobsShown = 50;
async function jobs() {
  const query = jobFilters();
  const items = [];
  let next;
  let missing = [];
  do {
    query.set('limit', String(Math.min(200, jobsShown - items.length)));
    if (next) query.set('before', next);
    const answer = await api(`/api/ops/jobs?${query}`);
    items.push(...answer.items);
    next = answer.next;
    missing = answer.missing_shards ?? missing;
  } while (next && items.length < jobsShown);
  byId('older-jobs').hidden = !next;
  byId('replay-all').hidden = !items.some(job => job.state === 'dead');
  const list = table('Jobs, newest first', [
    ['Asked for', row => moment.format(new Date(row.created_at))],
    ['Kind', row => row.kind],
    ['Lane', row => row.lane],
    ['Score', row => String(row.score), 'number'],
    ['State', row => badge(row.state, STATES[row.state])],
    ['Progress', progress],
    ['Attempt', row => String(row.attempt), 'number'],
    ['Cause', row => row.cause],
    ['', actions],
  ], items, 'No such jobs.');
  show('jobs', missing.length
    ? element('div', {}, element('p', { text: `Not shown, because it does not answer: shard ${missing.join(', ')}.` }), list)
    : list);
}

async function replayAll() {
  const type = byId('job-filters').elements.type.value;
  if (!confirm(`Replay all dead ${type} jobs?`.replace('  ', ' '))) return;
  try {
    let total = 0;
    let replayed;
    do {
      ({ replayed } = await api(`/api/ops/jobs/replay${type ? `?type=${type}` : ''}`, { method: 'POST' }));
      total += replayed;
    } while (replayed);
    byId('said').textContent = `${total} jobs replayed.`;
  } catch (problem) {
    byId('said').textContent = `Replay failed: ${problem.message}`;
  }
  await section('jobs', jobs);
}

const WHAT_A_MOVE_ALLOWS = {
  preparing: [['abort', 'Abort']], copying: [['abort', 'Abort']], 'catching-up': [['abort', 'Abort']],
  switching: [['abort', 'Abort']], switched: [['confirm', 'Confirm'], ['revert', 'Revert']],
};
const MOVE_STATES = { done: 'good', aborted: 'warn', reverted: 'warn', switched: 'accent' };

function moveActions(move) {
  const box = element('div', { className: 'row' });
  for (const [action, label] of move.wanted ? [] : WHAT_A_MOVE_ALLOWS[move.state] ?? []) {
    const button = element('button', {
      text: label,
      className: `small ${action === 'confirm' ? '' : 'danger'}`,
      attributes: { type: 'button', 'aria-label': `${label} the move of logical shard ${move.logical_shard}`, 'data-key': `${action}-${move.id}` },
    });
    button.addEventListener('click', async () => {
      if (!confirm(`${label} the move of logical shard ${move.logical_shard}?`)) return;
      button.disabled = true;
      try {
        await api(`/api/ops/shards/moves/${move.id}/${action}`, { method: 'POST' });
        byId('said').textContent = `${label}: asked for.`;
      } catch (problem) {
        byId('said').textContent = `${label} failed: ${problem.message}`;
      }
      await section('moves', moves);
    });
    box.append(button);
  }
  return box;
}

async function moves() {
  const { items } = await api('/api/ops/shards/moves?limit=10');
  show('moves', table('Moves of logical shards, newest first', [
    ['Asked for', row => moment.format(new Date(row.requested_at))],
    ['Logical shard', row => String(row.logical_shard), 'number'],
    ['From', row => String(row.source_shard), 'number'],
    ['To', row => String(row.target_shard), 'number'],
    ['State', row => badge(row.wanted ? `${row.state}, to ${row.wanted}` : row.state, MOVE_STATES[row.state] ?? '')],
    ['Progress', row => `${row.tables_done} of ${row.tables_total} tables, ${number.format(row.rows_copied)} rows, ${number.format(row.changes_applied)} changes`],
    ['Write pause', row => (row.pause_millis === null || row.pause_millis === undefined ? '' : millis(row.pause_millis)), 'number'],
    ['Trouble', row => row.failure],
    ['', moveActions],
  ], items, 'Nothing has moved yet.'));
}

async function askForMove(event) {
  event.preventDefault();
  const form = event.target;
  const wanted = { logical_shard: Number(form.logical_shard.value), target_shard: Number(form.target_shard.value) };
  const dry = event.submitter?.value === 'yes';
  if (!dry && !confirm(`Move logical shard ${wanted.logical_shard} to shard ${wanted.target_shard}?`)) return;
  try {
    const answer = await api(`/api/ops/shards/moves${dry ? '/plan' : ''}`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(wanted),
    });
    const rows = Object.values(answer.rows ?? {}).reduce((sum, count) => sum + count, 0);
    byId('move-said').textContent = dry
      ? answer.refusal ? `Cannot be moved: ${answer.refusal}.` : `Would copy ${number.format(rows)} rows from shard ${answer.source_shard}.`
      : 'The move has begun.';
  } catch (problem) {
    byId('move-said').textContent = `Refused: ${problem.message}`;
  }
  await section('moves', moves);
}

async function refresh() {
  await Promise.all([
    section('health', health),
    section('decisions', decisions),
    section('signals', signals),
    section('jobs', jobs),
    section('nodes', () => generic('nodes', '/api/ops/nodes', 'Nodes', 'No nodes.')),
    section('shards', () => generic('shards', '/api/ops/shards', 'Shards', 'No shards.')),
    section('moves', moves),
    section('replicas', () => generic('replicas', '/api/ops/replicas', 'Replicas', 'No replicas: reads go to the primary.')),
  ]);
  byId('refreshed').textContent = `Read at ${clock.format(new Date())}. Refreshes by itself.`;
}

function refuse() {
  byId('operations').hidden = true;
  byId('not-operator').hidden = false;
  byId('refreshed').textContent = '';
}

async function whileLookedAt() {
  for (;;) {
    if (!document.hidden) await refresh();
    await new Promise(done => {
      const timer = setTimeout(done, REFRESH_MS);
      document.addEventListener('visibilitychange', () => { clearTimeout(timer); done(); }, { once: true });
    });
  }
}

if (session.operator) {
  byId('operations').hidden = false;
  byId('window').addEventListener('change', () => section('signals', signals));
  byId('job-filters').addEventListener('submit', event => event.preventDefault());
  byId('job-filters').addEventListener('change', () => { jobsShown = 50; section('jobs', jobs); });
  byId('older-jobs').addEventListener('click', () => { jobsShown += 50; section('jobs', jobs); });
  byId('replay-all').addEventListener('click', replayAll);
  byId('move').addEventListener('submit', askForMove);
  whileLookedAt().catch(refuse);
} else {
  refuse();
}
