/** The course's dashboard for its staff; students see their own figures. Refreshes itself while it is looked at. */
import { session, staff } from './session.js';
import { api } from './api.js';
import { chart } from './charts.js';

const REFRESH_MS = 5000;
const HOUR_MS = 3600000;
const DAY_MS = 24 * HOUR_MS;

const byId = id => document.getElementById(id);
const number = new Intl.NumberFormat();
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const hourText = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
const dayText = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' });
const count = value => number.format(value);

let range = '7';
let running = null;

byId('title').textContent = session.context_title ? `Dashboard · ${session.context_title}` : 'Dashboard';
byId('print').addEventListener('click', () => print());
for (const button of byId('ranges').querySelectorAll('button')) {
  button.addEventListener('click', () => {
    range = button.dataset.range;
    for (const other of byId('ranges').querySelectorAll('button')) other.setAttribute('aria-pressed', String(other === button));
    refresh();
  });
}

/** [from, to) of the chosen range; `to` is a little ahead, so that what happens just now is inside. */
function span() {
  const to = new Date(Date.now() + 60000);
  const from = new Date();
  if (range === 'today') from.setHours(0, 0, 0, 0);
  else if (range === '7') { from.setTime(from.getTime() - 7 * DAY_MS); from.setMinutes(0, 0, 0); }
  else { from.setTime(from.getTime() - 30 * DAY_MS); from.setUTCHours(0, 0, 0, 0); }
  return `from=${encodeURIComponent(from.toISOString())}&to=${encodeURIComponent(to.toISOString())}`;
}

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

const people = value => (value === null ? '< 5' : count(value));
const millis = value => (value === null ? '–' : value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`);

function tiles(list) {
  const box = byId('tiles');
  // The same tiles are filled again, so that a screen reader's place is not lost at every refresh.
  while (box.children.length > list.length) box.lastElementChild.remove();
  list.forEach(([label, value, note], index) => {
    let tile = box.children[index];
    if (!tile) {
      tile = document.createElement('div');
      tile.className = 'card tile';
      for (const part of ['label', 'value', 'note']) {
        const line = document.createElement('span');
        line.className = part;
        tile.append(line);
      }
      box.append(tile);
    }
    [label, value, note ?? ''].forEach((text, part) => {
      if (tile.children[part].textContent !== text) tile.children[part].textContent = text;
    });
  });
}

function showFreshness(watermark) {
  byId('freshness').textContent = watermark
    ? `Counted up to ${clock.format(new Date(watermark))}. Refreshes by itself.`
    : 'Nothing has been counted yet. Refreshes by itself.';
}

let charts = null;
function makeCharts() {
  const box = byId('charts');
  return {
    activity: chart(box, 'Activity'),
    people: chart(box, 'Active people'),
    chat: chart(box, 'Chat'),
    video: chart(box, 'Video watch time'),
  };
}

const sum = (series, key) => series.reduce((total, entry) => total + entry[key], 0);
const points = (series, value) => series.map(entry => [Date.parse(entry.at), value(entry)]);

function busiest(series, value, step, when) {
  const top = series.reduce((best, entry) => (value(entry) > value(best) ? entry : best), series[0]);
  return top && value(top) > 0 ? ` Most at ${when(Date.parse(top.at))}.` : '';
}

function showCourse(figures) {
  const { series } = figures;
  const hourly = figures.bucket === 'hour';
  const step = hourly ? HOUR_MS : DAY_MS;
  const when = time => (hourly ? hourText : dayText).format(new Date(time));
  const each = hourly ? 'hour' : 'day (UTC)';
  const events = entry => entry.launches + entry.chat_messages + entry.video_views;
  const nothing = series.every(entry => events(entry) === 0 && entry.watch_seconds === 0) && figures.uploads === 0;
  byId('nothing').hidden = !nothing;
  byId('figures').hidden = nothing;
  showFreshness(figures.watermark);
  if (nothing) return;

  tiles([
    ['Active people', people(figures.active_people), figures.suppressed ? 'too few to tell the number' : `${count(figures.launches)} launches`],
    ['Chat messages', count(figures.chat_messages), figures.chat_people === null ? 'by few people' : `by ${count(figures.chat_people)} people`],
    ['Video views', count(figures.video_views), figures.video_people === null ? 'by few people' : `by ${count(figures.video_people)} people`],
    ['Watch time', duration(figures.watch_seconds), `${count(figures.uploads)} uploaded`],
    ['Response p50', millis(figures.response_ms.p50), 'half are answered within'],
    ['Response p95', millis(figures.response_ms.p95), '95 of 100 within'],
  ]);

  charts ??= makeCharts();
  charts.activity({
    series: [
      { name: 'Launches', points: points(series, entry => entry.launches), stack: 'all' },
      { name: 'Messages', points: points(series, entry => entry.chat_messages), stack: 'all' },
      { name: 'Video views', points: points(series, entry => entry.video_views), stack: 'all' },
    ],
    unit: count, step, when,
    summary: `${count(figures.launches)} launches, ${count(figures.chat_messages)} messages and ${count(figures.video_views)} video views by ${each}.${busiest(series, events, step, when)}`,
  });
  charts.people({
    series: [{ name: 'People', kind: 'line', points: points(series, entry => entry.active_people) }],
    unit: count, step, when,
    summary: `${figures.active_people === null ? 'Fewer than 5' : count(figures.active_people)} people in this range, by ${each}. Numbers under 5 are not shown.`,
  });
  charts.chat({
    series: [{ name: 'Messages', points: points(series, entry => entry.chat_messages) }],
    unit: count, step, when,
    summary: figures.active_people && figures.chat_people !== null
      ? `${count(figures.chat_people)} of ${count(figures.active_people)} active people wrote (${Math.round(100 * figures.chat_people / figures.active_people)} %), ${(figures.chat_messages / Math.max(1, figures.chat_people)).toFixed(1)} messages each.`
      : `${count(figures.chat_messages)} messages by ${each}.`,
  });
  charts.video({
    series: [{ name: 'Watch time', points: points(series, entry => entry.watch_seconds) }],
    unit: duration, step, when,
    summary: `${duration(sum(series, 'watch_seconds'))} watched in ${count(figures.video_views)} views, by ${each}.`,
  });
  byId('suppression').hidden = !(figures.suppressed || series.some(entry => entry.suppressed));
}

function showOwn(own) {
  showFreshness(own.watermark);
  byId('nothing').hidden = own.events > 0;
  byId('nothing').querySelector('[href="/video"]').textContent = 'Watch a video';
  byId('figures').hidden = own.events === 0;
  byId('title').textContent = 'Your own activity';
  tiles([
    ['What you did', count(own.events)],
    ['Your messages', count(own.chat_messages)],
    ['Videos you began', count(own.video_views)],
    ['Your watch time', duration(own.watch_seconds)],
  ]);
}

async function refresh() {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  try {
    if (staff) {
      showCourse(await api(`/api/analytics/performance?context_id=${session.context_id}&${span()}`, { signal: mine.signal }));
    } else {
      showOwn(await api(`/api/analytics/me?${span()}`, { signal: mine.signal }));
    }
    byId('trouble').replaceChildren();
  } catch (problem) {
    if (problem.name === 'AbortError') return;
    const notice = document.createElement('p');
    notice.className = 'notice warn';
    notice.textContent = `${problem.message}. What you see may be old; trying again.`;
    byId('trouble').replaceChildren(notice);
  }
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

whileLookedAt();
