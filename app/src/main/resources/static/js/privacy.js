/** Takes a request for a person's data or its removal (LTI Data Privacy Launch). */
import { api } from './api.js';

const state = document.getElementById('state');
const ask = document.getElementById('ask');

ask.addEventListener('click', async event => {
  const { kind } = event.target.dataset;
  if (!kind) return;
  try {
    const asked = await api('/api/lti/privacy', { method: 'POST', body: { kind } });
    state.textContent = `The request was taken. Its number is ${asked.id}.`;
    ask.hidden = true;
  } catch (error) {
    state.textContent = error.message;
  }
});

try {
  const about = await api('/api/lti/privacy');
  state.textContent = about.known ? '' : 'This launch names no person, so there is nothing to ask for.';
  ask.hidden = !about.known;
} catch (error) {
  state.textContent = error.message;
}
