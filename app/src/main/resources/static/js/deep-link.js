/** Picks what to place in a course and posts the signed answer to the platform (LTI Deep Linking 2.0). */
import { api } from './api.js';

const form = document.getElementById('picker');
const list = document.getElementById('items');
const template = document.getElementById('item-template');
const problem = document.getElementById('problem');
const state = document.getElementById('state');
const graded = document.getElementById('graded');
const place = document.getElementById('place');
const more = document.getElementById('more');
const choices = new Map();
let wanted;
let next = null;

function fail(error) {
  problem.hidden = false;
  problem.firstElementChild.textContent = error.message;
  problem.scrollIntoView({ block: 'nearest' });
}

function offer(choice) {
  const row = template.content.firstElementChild.cloneNode(true);
  const input = row.querySelector('input');
  input.type = wanted.multiple ? 'checkbox' : 'radio';
  input.value = String(choices.size);
  choices.set(input.value, choice);
  row.querySelector('.title').textContent = choice.title;
  row.querySelector('.about').textContent = choice.text ?? '';
  list.append(row);
}

function picked() {
  return [...form.querySelectorAll('input[name=pick]:checked')].map(input => choices.get(input.value));
}

function show() {
  const items = picked();
  const gradable = wanted.grades && items.some(item => item.target !== 'dashboard');
  document.getElementById('grading').hidden = !gradable;
  document.getElementById('points-field').hidden = !graded.checked;
  state.textContent = items.length === 0 ? 'Nothing is picked yet.'
    : items.length === 1 ? `Picked: ${items[0].title}.` : `${items.length} things are picked.`;
}

async function videos() {
  const page = await api(`/api/video?limit=50${next ? `&before=${next}` : ''}`);
  for (const video of page.items) {
    if (video.state === 'ready') offer({ target: 'video', item: video.id, title: video.title, text: 'One video' });
  }
  next = page.next;
  more.hidden = !next;
}

/** The form of the answer leaves this page for the platform: the same frame, as the specification says. */
async function answer(items) {
  const signed = await api('/api/lti/deep-link', { method: 'POST', body: { items } });
  const back = document.createElement('form');
  back.method = 'post';
  back.action = signed.return_url;
  const field = document.createElement('input');
  field.type = 'hidden';
  field.name = 'JWT';
  field.value = signed.jwt;
  back.append(field);
  document.body.append(back);
  back.submit();
}

async function send(items) {
  problem.hidden = true;
  place.disabled = true;
  try {
    await answer(items);
  } catch (error) {
    fail(error);
    place.disabled = false;
  }
}

form.addEventListener('change', show);
more.addEventListener('click', () => videos().catch(fail));
document.getElementById('cancel').addEventListener('click', () => send([]));
form.addEventListener('submit', event => {
  event.preventDefault();
  const items = picked();
  if (items.length === 0) {
    fail(new Error('Pick something first, or cancel.'));
    form.querySelector('input[name=pick]')?.focus();
    return;
  }
  const points = graded.checked && wanted.grades ? Number(document.getElementById('points').value) : undefined;
  send(items.map(item => (item.target === 'dashboard' ? item : { ...item, points })));
});

try {
  wanted = await api('/api/lti/deep-link');
  document.getElementById('hint').textContent = `Pick what students open from their course in ${wanted.platform}.`;
  if (!wanted.links) {
    fail(new Error(`${wanted.platform} takes no links here, so nothing of Lectern can be placed.`));
  } else {
    offer({ target: 'chat', title: 'Chat room', text: 'The course’s chat' });
    offer({ target: 'video', title: 'All videos', text: 'Every video of the course' });
    offer({ target: 'dashboard', title: 'Dashboard', text: 'Activity of the course; students see only their own' });
    await videos();
    form.hidden = false;
  }
} catch (error) {
  fail(error);
}
