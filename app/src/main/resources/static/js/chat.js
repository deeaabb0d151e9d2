/** The chat page: shows the room in its one order, does things at once and says honestly what is committed. */
import { session, staff } from './session.js';
import { api } from './api.js';
import { ChatConnection } from './chat-connection.js';
import { ERROR_CODES } from './chat-codes.js';
import { ChatRoom } from './chat-room.js';
import { Timeline } from './chat-timeline.js';
import { Panels } from './chat-panels.js';
import { button, element, messageItem, nameOf } from './chat-message.js';

const PAGE = 100;
const TEXT_LIMIT = 4000;
const TYPING_EVERY_MS = 3000;
const COMPLETE_AFTER_MS = 150;
const EMOJI = [['👍', 'Thumbs up'], ['❤️', 'Heart'], ['😂', 'Laughing'], ['🎉', 'Celebration'], ['😮', 'Surprise'], ['😢', 'Sad'], ['🙏', 'Thanks'], ['👀', 'Looking'], ['✅', 'Done'], ['❓', 'Question']];

const $ = id => document.getElementById(id);
const me = session.user_id;
const base = `/api/chat/rooms/${session.context_id}`;
const text = $('text');
const room = new ChatRoom(me);
const people = new Map(session.name ? [[me, session.name]] : []); // names by id, of whoever was seen
const pending = new Map(); // own messages on their way: client id -> {frame, item}
const asked = new Map(); // other deeds on their way: client id -> what to do when they are refused
let rules = { slow_seconds: null, announce: false, muted: false, muted_until: null, pins: 0 };
let mentions = 0;
let announced = 0; // last seq told to the server as read
let unseen = 0;
let more = true;
let loadingEarlier = null;
let links = [];
let connection = null;

$('room-title').textContent = session.context_title ? `${session.context_title}: chat` : 'Course chat';
$('open-staff').hidden = !staff;

const seenPerson = person => { if (person.name) people.set(person.id, person.name); };
const names = message => (message.mentions || []).map(id => people.get(id)).filter(Boolean);

/* ---------- messages ---------- */

function make(message) {
  const item = messageItem(message, { me, names });
  item.tabIndex = -1;
  item.setAttribute('aria-keyshortcuts', 'Enter');
  if (message.reply_to) {
    const root = room.get(message.reply_to);
    const quote = button('quote', '', () => panels.thread(message.reply_to));
    quote.dataset.key = 'quote';
    quote.append('↩ ', root ? `${nameOf(root.user)}: ${root.deleted ? 'deleted message' : root.text.slice(0, 80)}` : 'an earlier message');
    quote.setAttribute('aria-label', 'Answer in a thread; open it');
    item.prepend(quote);
    item.classList.add('reply');
  }
  if (message.reactions.length) {
    const row = element('div', 'reactions');
    for (const { emoji, count, mine } of message.reactions) {
      const chip = button('small reaction', `${emoji} ${count}`, () => react(message, emoji, !mine));
      chip.setAttribute('aria-pressed', String(mine));
      chip.setAttribute('aria-label', `${EMOJI.find(([known]) => known === emoji)?.[1] || emoji}, ${count}`);
      chip.dataset.key = emoji;
      row.append(chip);
    }
    item.append(row);
  }
  if (message.replies > 0) {
    const open = button('small quiet replies', message.replies === 1 ? '1 answer' : `${message.replies} answers`, () => panels.thread(message.seq));
    open.dataset.key = 'replies';
    item.append(open);
  }
  if (!message.deleted) {
    const actions = button('small quiet actions', '⋯', () => menu(message, actions));
    actions.setAttribute('aria-label', `What to do with the message of ${nameOf(message.user)}`);
    actions.setAttribute('aria-haspopup', 'menu');
    actions.dataset.key = 'actions';
    item.append(actions);
  }
  // Tab goes from the room's tools to the log to the composer; into a message only when the arrows brought the focus there.
  item.querySelectorAll('button, a').forEach(each => { each.tabIndex = -1; });
  return item;
}

let entered = null;
$('log').addEventListener('focusin', event => {
  const item = event.target.closest('.message');
  if (item === entered) return;
  entered?.querySelectorAll('button, a').forEach(each => { each.tabIndex = -1; });
  item?.querySelectorAll('button, a').forEach(each => { each.tabIndex = 0; });
  entered = item;
});

const timeline = new Timeline(room, $('scroll'), $('log'), make, () => loadEarlier());

/** Adds a page of history; answers how many are new. */
function learn(page) {
  page.items.forEach(message => seenPerson(message.user));
  more = Boolean(page.next);
  $('earlier').hidden = !more;
  $('beginning').hidden = more;
  return room.add(page.items);
}

function loadEarlier() {
  if (!more || !room.order.length) return Promise.resolve(false);
  loadingEarlier ??= (async () => {
    try {
      const added = learn(await api(`${base}/messages?before=${room.order[0]}&limit=${PAGE * 2}`));
      timeline.grewBefore(added);
      return added > 0;
    } catch (problem) {
      notice(`Earlier messages could not be read: ${problem.message}`);
      return false;
    } finally {
      loadingEarlier = null;
    }
  })();
  return loadingEarlier;
}

/** Brings a message into view, reading back as far as it takes. */
async function show(seq) {
  if (matchMedia('(max-width: 56rem)').matches) panels.close();
  while (room.order[0] > seq && more) if (!(await loadEarlier())) break;
  if (!timeline.show(seq)) notice('That message is not there any more.');
}

/* ---------- doing things ---------- */

function act(fields, refused) {
  const id = crypto.randomUUID();
  asked.set(id, refused || (() => {}));
  connection.act({ ...fields, id });
}

const react = (message, emoji, on) => act({ type: 'react', target: message.seq, emoji, on });
const moderate = fields => act({ type: 'moderate', ...fields });

function say(words, replyTo) {
  const frame = { type: 'send', id: crypto.randomUUID(), text: words };
  if (replyTo) frame.reply_to = replyTo;
  if (links.length) frame.links = links;
  links = [];
  drawChips();
  const item = messageItem({ user: { id: me, name: session.name }, text: words, ts: new Date().toISOString(), links: frame.links }, { me, full: false });
  item.classList.add('pending');
  stateLine(item, 'Sending…');
  pending.set(frame.id, { frame, item });
  $('outbox').append(item);
  connection.act(frame);
  toEnd();
}

function stateLine(item, words, ...controls) {
  item.querySelector('.state')?.remove();
  const line = element('div', 'state', words);
  line.append(...controls);
  item.append(line);
}

function failed(id, reason, again) {
  const { item, frame } = pending.get(id);
  item.classList.replace('pending', 'failed');
  const retry = button('small', 'Send again', () => {
    item.classList.replace('failed', 'pending');
    stateLine(item, 'Sending…');
    connection.act(frame);
  });
  const discard = button('small quiet', 'Discard', () => { pending.delete(id); item.remove(); text.focus(); });
  stateLine(item, `Not sent: ${reason}`, ...(again ? [retry] : []), discard);
}

/* ---------- what can be done with one message ---------- */

function menu(message, from) {
  const mine = message.user.id === me;
  const items = [];
  const add = (label, action, className = 'quiet') => {
    const entry = button(`small ${className}`, label, () => { $('menu').hidePopover(); action(); });
    entry.setAttribute('role', 'menuitem');
    items.push(entry);
    return entry;
  };
  const row = element('div', 'emoji');
  row.setAttribute('role', 'group');
  row.setAttribute('aria-label', 'React');
  for (const [emoji, label] of EMOJI) {
    const known = message.reactions.find(each => each.emoji === emoji);
    const entry = add(emoji, () => react(message, emoji, !known?.mine));
    entry.setAttribute('aria-label', known?.mine ? `Take back: ${label}` : label);
    row.append(entry);
  }
  add('Answer in a thread', () => panels.thread(message.reply_to || message.seq));
  if (mine) add('Edit', () => edit(message));
  if (staff) add(message.pinned ? 'Unpin' : 'Pin', () => act({ type: 'pin', target: message.seq, on: !message.pinned }));
  if (mine || staff) add('Delete…', () => remove(message), 'quiet danger');
  if (staff && !mine) {
    add(`Mute ${nameOf(message.user)}…`, () => sanction('mute', message.user), 'quiet danger');
    add(`Ban ${nameOf(message.user)}…`, () => sanction('ban', message.user), 'quiet danger');
  }
  $('menu').replaceChildren(row, ...items.slice(EMOJI.length));
  $('menu').showPopover();
  const anchor = from.getBoundingClientRect();
  const box = $('menu').getBoundingClientRect();
  $('menu').style.left = `${Math.max(8, Math.min(anchor.right - box.width, innerWidth - box.width - 8))}px`;
  $('menu').style.top = `${Math.max(8, anchor.bottom + box.height > innerHeight ? anchor.top - box.height : anchor.bottom)}px`;
  $('menu').dataset.seq = message.seq;
  items[0].focus();
}

$('menu').addEventListener('keydown', event => {
  const items = [...$('menu').querySelectorAll('[role=menuitem]')];
  const at = items.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (step) {
    event.preventDefault();
    items[(at + step + items.length) % items.length].focus();
  }
});
$('menu').addEventListener('toggle', event => {
  if (event.newState === 'closed' && (document.activeElement === document.body || $('menu').contains(document.activeElement))) {
    timeline.item(Number($('menu').dataset.seq))?.focus({ preventScroll: true });
  }
});

function edit(message) {
  const item = timeline.item(message.seq);
  if (!item) return;
  const form = element('form', 'editing');
  const field = element('textarea');
  field.value = message.text;
  field.setAttribute('aria-label', 'Edit your message');
  const end = () => timeline.changed([message.seq]);
  form.append(field, element('button', 'small primary', 'Save'), button('small quiet', 'Cancel', () => { end(); text.focus(); }));
  form.addEventListener('submit', event => {
    event.preventDefault();
    const words = field.value.trim();
    if (words && words !== message.text) {
      act({ type: 'edit', target: message.seq, text: words }, end);
      item.querySelector('.text').textContent = words;
      form.replaceWith(element('div', 'state', 'Saving…'));
    } else {
      end();
    }
    text.focus();
  });
  field.addEventListener('keydown', event => {
    if (event.key === 'Escape') { end(); text.focus(); }
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
  });
  item.querySelector('.editing')?.remove();
  item.querySelector('.text').after(form);
  field.focus();
  field.setSelectionRange(field.value.length, field.value.length);
}

/** Asks something in a dialog; answers the form's fields, or null. */
function ask(title, fields, yes, danger = false) {
  const form = $('ask-form');
  const heading = element('h2', '', title);
  heading.id = 'asked';
  const cancel = button('quiet', 'Cancel', () => $('ask').close());
  const submit = element('button', danger ? 'danger' : 'primary', yes);
  submit.value = 'yes';
  const row = element('div', 'row');
  row.append(submit, cancel);
  form.replaceChildren(heading, ...fields, row);
  $('ask').returnValue = '';
  $('ask').showModal();
  return new Promise(resolve => {
    $('ask').addEventListener('close', () =>
      resolve($('ask').returnValue === 'yes' ? Object.fromEntries(new FormData(form)) : null), { once: true });
  });
}

function field(label, name, attributes) {
  const wrap = element('div', 'field');
  const input = Object.assign(element('input'), { id: `ask-${name}`, name, ...attributes });
  const words = element('label', '', label);
  words.htmlFor = input.id;
  wrap.append(words, input);
  return wrap;
}

async function remove(message) {
  const mine = message.user.id === me;
  const quote = element('p', 'soft', message.text.slice(0, 200));
  const answer = await ask('Delete this message?', mine ? [quote] : [quote, field('Reason, for the audit log', 'reason', { maxLength: 500 })], 'Delete', true);
  if (answer) act({ type: 'delete', target: message.seq, ...(answer.reason?.trim() ? { reason: answer.reason.trim() } : {}) });
  (timeline.item(message.seq) || text).focus({ preventScroll: true });
}

async function sanction(action, person) {
  const choice = element('div', 'field');
  const label = element('label', '', 'For how long');
  label.htmlFor = 'ask-hours';
  const hours = Object.assign(element('select'), { id: 'ask-hours', name: 'hours' });
  for (const [value, words] of [['1', 'One hour'], ['24', 'A day'], ['168', 'A week'], ['', 'Until it is taken back']]) {
    hours.append(Object.assign(element('option', '', words), { value }));
  }
  choice.append(label, hours);
  const title = action === 'ban' ? `Ban ${nameOf(person)} from this room?` : `Mute ${nameOf(person)}?`;
  const answer = await ask(title, [choice, field('Reason, for the audit log', 'reason', { maxLength: 500 })], action === 'ban' ? 'Ban' : 'Mute', true);
  if (!answer) return;
  moderate({
    action, subject: person.id,
    ...(answer.hours ? { until: new Date(Date.now() + Number(answer.hours) * 3_600_000).toISOString() } : {}),
    ...(answer.reason?.trim() ? { reason: answer.reason.trim() } : {}),
  });
}

/* ---------- panels ---------- */

const panels = new Panels(session.context_id, me, {
  show, say, moderate, names, who: id => people.get(id),
  rules: async () => { await readRoom(); return rules; },
  async exported(from) {
    from.disabled = true;
    try {
      const response = await fetch(`${base}/export`, { headers: { Authorization: `Bearer ${session.token}` } });
      if (!response.ok) throw new Error(`The server answered ${response.status}`);
      const link = element('a');
      link.href = URL.createObjectURL(await response.blob());
      link.download = 'chat.ndjson';
      link.click();
      URL.revokeObjectURL(link.href);
    } catch (problem) {
      notice(`The export failed: ${problem.message}`);
    } finally {
      from.disabled = false;
    }
  },
});
$('open-search').addEventListener('click', () => panels.search());
$('open-pins').addEventListener('click', () => panels.pins());
$('open-mentions').addEventListener('click', () => panels.mentions().then(() => setMentions(0)));
$('open-staff').addEventListener('click', () => panels.staff());
addEventListener('keydown', event => {
  if (event.key === 'k' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); panels.search(); }
});

function setMentions(count) {
  mentions = count;
  $('mention-count').textContent = count;
  $('mention-count').hidden = count === 0;
  document.title = `${count ? `(${count}) ` : ''}Chat · Lectern`;
}

function setPins(count) {
  rules.pins = count;
  $('pin-count').textContent = count;
  $('pin-count').hidden = count === 0;
}

/** What the room permits, and what is unread. */
async function readRoom() {
  try {
    rules = await api(base);
    setPins(rules.pins);
    obey();
  } catch (problem) {
    notice(problem.message);
  }
  return rules;
}

/** Staff changed something. The entry says all of it: a thousand clients that asked the server would come at once. */
function heed(entry) {
  const self = entry.subject === me;
  switch (entry.action) {
    case 'mute': if (self) Object.assign(rules, { muted: true, muted_until: entry.until ?? null }); break;
    case 'unmute': if (self) Object.assign(rules, { muted: false, muted_until: null }); break;
    case 'slow': rules.slow_seconds = entry.seconds; break;
    case 'announce': rules.announce = true; break;
    case 'open': Object.assign(rules, { announce: false, slow_seconds: null }); break;
  }
  obey();
}

let mutedFor = null;
function obey() {
  const silent = !staff && (rules.muted || rules.announce);
  for (const id of ['text', 'send', 'attach']) $(id).disabled = silent;
  text.placeholder = !silent ? 'Write to the course' : rules.muted ? 'You were muted: you may read, but not write' : 'Only staff may write now';
  $('hint-keys').textContent = !staff && rules.slow_seconds
    ? `Slow mode: one message in ${rules.slow_seconds} seconds.`
    : 'Enter sends, Shift + Enter begins a new line, @ mentions, ↑ edits your last message.';
  clearTimeout(mutedFor);
  const left = rules.muted && rules.muted_until ? Date.parse(rules.muted_until) - Date.now() : Infinity;
  if (left < 86_400_000) mutedFor = setTimeout(readRoom, Math.max(0, left) + 1000);
}

/* ---------- reading ---------- */

function toEnd() {
  timeline.toEnd();
  unseen = 0;
  $('newer').hidden = true;
  seen();
}

/** Tells the server what was seen, only when it can have been seen. */
function seen() {
  if (document.hidden || !timeline.atEnd() || room.head <= announced || !connection) return;
  announced = room.head;
  setMentions(0);
  connection.read(announced);
}

$('scroll').addEventListener('scroll', () => {
  const end = timeline.atEnd();
  $('newer').hidden = end;
  if (end) {
    unseen = 0;
    seen();
  }
  if (!unseen) $('newer').textContent = 'Jump to latest';
}, { passive: true });
document.addEventListener('visibilitychange', seen);
$('newer').addEventListener('click', () => { toEnd(); text.focus(); });
$('earlier').addEventListener('click', () => loadEarlier());

/** From message to message by arrow keys; Enter opens what can be done. */
$('scroll').addEventListener('keydown', event => {
  if (event.target.closest('textarea, button, a')) {
    if (event.key === 'Escape') text.focus();
    return;
  }
  const all = [...document.querySelectorAll('#log > .message')];
  const at = all.indexOf(event.target.closest('.message'));
  const go = index => {
    event.preventDefault();
    const item = all[Math.max(0, Math.min(all.length - 1, index))];
    item?.focus({ preventScroll: true });
    item?.scrollIntoView({ block: 'nearest' });
  };
  if (event.key === 'ArrowUp') go(at < 0 ? all.length - 1 : at - 1);
  else if (event.key === 'ArrowDown') go(at < 0 ? all.length - 1 : at + 1);
  else if (event.key === 'End') { event.preventDefault(); toEnd(); text.focus(); }
  else if (event.key === 'Escape') text.focus();
  else if (event.key === 'Enter' && at >= 0) {
    event.preventDefault();
    all[at].querySelector('.actions')?.click();
  }
});

/* ---------- writing ---------- */

let typedAt = 0;
text.addEventListener('input', () => {
  const length = [...text.value].length;
  $('count').textContent = length > TEXT_LIMIT - 500 ? `${TEXT_LIMIT - length} characters left` : '';
  $('send').disabled = length > TEXT_LIMIT;
  if (text.value.trim() && Date.now() - typedAt > TYPING_EVERY_MS) {
    typedAt = Date.now();
    connection?.typing();
  }
  complete();
});
text.addEventListener('keydown', event => {
  if (!$('complete').hidden && chooses(event)) return;
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $('composer').requestSubmit();
  } else if (event.key === 'ArrowUp' && !text.value) {
    const last = room.lastOf(me);
    if (last && timeline.item(last.seq)) { event.preventDefault(); edit(last); }
  }
});
$('composer').addEventListener('submit', event => {
  event.preventDefault();
  const words = text.value.trim();
  if (!words || [...words].length > TEXT_LIMIT) return;
  text.value = '';
  text.dispatchEvent(new Event('input'));
  say(words);
  text.focus();
});

$('attach').addEventListener('click', async () => {
  const answer = await ask('Attach a link', [
    field('Address', 'url', { type: 'url', required: true, maxLength: 2000, placeholder: 'https://', pattern: 'https?://.*' }),
    field('Title, if you like', 'title', { maxLength: 200 }),
  ], 'Attach');
  if (answer && links.length < 5) links.push({ url: answer.url.trim(), ...(answer.title.trim() ? { title: answer.title.trim() } : {}) });
  drawChips();
  text.focus();
});

function drawChips() {
  $('chips').hidden = !links.length;
  $('chips').replaceChildren(...links.map(link => {
    const chip = element('li', 'badge', link.title || link.url);
    const off = button('small quiet', '✕', () => { links = links.filter(each => each !== link); drawChips(); text.focus(); });
    off.setAttribute('aria-label', `Take ${link.title || link.url} away`);
    chip.append(off);
    return chip;
  }));
}

/* ---------- completing mentions ---------- */

let completing = 0;
async function complete() {
  const before = text.value.slice(0, text.selectionStart);
  const prefix = before.match(/(?:^|[^\p{L}\p{N}_@])@([\p{L}\p{N}'’.\- ]{0,40})$/u)?.[1];
  const turn = ++completing;
  if (prefix === undefined || /\s{2}|\s\S+\s\S+\s/.test(prefix)) return closeCompletion();
  // Whoever types on is asked about once they pause, not at every key.
  await new Promise(resolve => setTimeout(resolve, COMPLETE_AFTER_MS));
  if (turn !== completing) return;
  try {
    const { items } = await api(`${base}/members?prefix=${encodeURIComponent(prefix.trim())}`);
    if (turn !== completing) return;
    const others = items.filter(person => person.id !== me);
    if (!others.length) return closeCompletion();
    $('complete').replaceChildren(...others.map((person, index) => {
      const option = element('div', 'option', nameOf(person));
      option.id = `person-${index}`;
      option.setAttribute('role', 'option');
      option.addEventListener('pointerdown', event => { event.preventDefault(); choose(option); });
      return option;
    }));
    others.forEach(seenPerson);
    $('complete').hidden = false;
    highlight(0);
  } catch {
    closeCompletion();
  }
}

function closeCompletion() {
  completing += 1;
  $('complete').hidden = true;
  text.removeAttribute('aria-activedescendant');
}

function highlight(index) {
  const options = [...$('complete').children];
  options.forEach((option, at) => option.setAttribute('aria-selected', String(at === index)));
  text.setAttribute('aria-activedescendant', options[index].id);
  options[index].scrollIntoView({ block: 'nearest' });
}

function chooses(event) {
  const options = [...$('complete').children];
  const at = options.findIndex(option => option.getAttribute('aria-selected') === 'true');
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) highlight((at + step + options.length) % options.length);
  else if (event.key === 'Enter' || event.key === 'Tab') choose(options[at]);
  else if (event.key === 'Escape') closeCompletion();
  else return false;
  event.preventDefault();
  return true;
}

function choose(option) {
  const caret = text.selectionStart;
  const at = text.value.lastIndexOf('@', caret - 1);
  text.setRangeText(`@${option.textContent} `, at, caret, 'end');
  closeCompletion();
  text.focus();
}
text.addEventListener('blur', closeCompletion);

/* ---------- what the connection tells ---------- */

let counting = null;
function banner(words, kind = '', until = null) {
  clearInterval(counting);
  $('banner').hidden = !words;
  $('banner').className = `chat-banner ${kind}`;
  $('banner-now').hidden = !until;
  // Said once; what counts down is only seen.
  if ($('banner-text').textContent !== words) $('banner-text').textContent = words;
  const count = () => {
    const seconds = until ? Math.max(0, Math.ceil((until - Date.now()) / 1000)) : 0;
    $('banner-count').textContent = seconds ? `Trying again in ${seconds} s.` : '';
  };
  count();
  if (until) counting = setInterval(count, 1000);
}
$('banner-now').addEventListener('click', () => connection.now());

let noticing = null;
function notice(words) {
  clearTimeout(noticing);
  $('notice').textContent = words;
  $('notice').hidden = false;
  noticing = setTimeout(() => { $('notice').hidden = true; }, 6000);
}

/** Speaks what others wrote, together when much comes at once. */
let toSpeak = [];
function speak(message) {
  toSpeak.push(`${nameOf(message.user)}: ${message.text}`);
  if (toSpeak.length > 1) return;
  setTimeout(() => {
    const words = toSpeak.length > 3 ? `${toSpeak.length} new messages` : toSpeak.join('. ');
    toSpeak = [];
    $('spoken').replaceChildren(element('p', '', words));
  }, 1000);
}

/** Something new was said; `end`: the reader saw the newest message until then. */
function said(message, end) {
  seenPerson(message.user);
  const own = message.user.id === me;
  if (own && pending.has(message.id)) {
    pending.get(message.id).item.remove();
    pending.delete(message.id);
  }
  timeline.grewAfter();
  if (!own) speak(message);
  if (own || end) {
    requestAnimationFrame(seen);
  } else {
    unseen += 1;
    $('newer').textContent = unseen === 1 ? '1 new message' : `${unseen} new messages`;
    $('newer').hidden = false;
  }
  if (message.mentions.includes(me) && !(end && !document.hidden)) setMentions(mentions + 1);
}

const listener = {
  onState(state, detail) {
    if (state === 'open') banner(detail === 'events' ? 'Live sockets are blocked on the way; the room is read another way.' : '');
    else if (state === 'expired') banner('Your session has ended. Open Lectern again from your course; what you wrote is still here.', 'bad');
    else if (state === 'banned') banner(detail || 'You may not take part in this room.', 'bad');
    else if (state === 'full') banner('The room is full. You come in as soon as there is a place.', '', detail);
    else if (state === 'waiting') banner('Not connected. You can go on writing: it is sent as soon as the connection is back.', '', detail);
    const ended = state === 'expired' || state === 'banned';
    if (ended) for (const id of ['text', 'send', 'attach']) $(id).disabled = true;
  },
  onWelcome(frame, anew) {
    if (anew) location.reload();
    announced = Math.max(announced, frame.read);
    seen();
  },
  onEntry(frame) {
    if (frame.type === 'moderation') {
      heed(frame);
    } else {
      const wasPinned = Boolean(room.get(frame.target)?.pinned);
      const end = timeline.atEnd();
      const { said: message, changed } = room.apply(frame);
      if (changed.length) timeline.changed(changed);
      if (message) said(message, end);
      if (frame.type === 'pin' && wasPinned !== frame.on) setPins(rules.pins + (frame.on ? 1 : -1));
      if (frame.type === 'delete' && wasPinned) setPins(rules.pins - 1);
      if (frame.type !== 'message') seen();
    }
    asked.delete(frame.user.id === me ? frame.id : undefined);
    panels.changed(frame);
  },
  onAck(frame) {
    const sent = pending.get(frame.id);
    if (sent) stateLine(sent.item, 'Sent');
  },
  onRefused(frame) {
    if (!frame.id) {
      if (frame.detail) notice(frame.detail);
      return;
    }
    connection.forget(frame.id);
    const again = ERROR_CODES.get(frame.code)?.retry ?? true;
    if (pending.has(frame.id)) failed(frame.id, frame.detail || frame.code, again);
    else notice(frame.detail || frame.code);
    asked.get(frame.id)?.();
    asked.delete(frame.id);
  },
  onPresence(frame) {
    frame.people.forEach(seenPerson);
    const others = frame.count - 1;
    const here = frame.people.filter(person => person.id !== me).map(nameOf);
    $('people').textContent = others <= 0
      ? 'Nobody else is here right now'
      : here.length && others <= 3 ? `Here with ${list(here.slice(0, 3))}` : `${frame.count} people here`;
    const typing = frame.typing.filter(person => person.id !== me).map(nameOf);
    $('typing').textContent = typing.length === 0 ? '' : typing.length > 3 ? 'Several people are writing…' : `${list(typing)} ${typing.length === 1 ? 'is' : 'are'} writing…`;
  },
};

const list = all => new Intl.ListFormat('en', { type: 'conjunction' }).format(all);

/* ---------- begin ---------- */

// There before anything is waited for: what somebody writes meanwhile is sent as soon as the room is open.
connection = new ChatConnection(session.context_id, listener);
try {
  const view = await readRoom();
  const page = await api(`${base}/messages?limit=${PAGE}`);
  learn(page);
  if (view.read) timeline.unreadAfter = view.unread ? view.read : null;
  announced = view.read ?? 0;
  setMentions(view.mentions ?? 0);
  timeline.toEnd();
  connection.start(room.head || view.head || 0);
} catch (problem) {
  banner(`The messages could not be read: ${problem.message}`, 'bad');
}
