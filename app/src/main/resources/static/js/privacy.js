/** Takes a request for a person's data or its removal (LTI Data Privacy Launch). */
import { api } from './api.js';

const state = document.getElementById('state');
const ask = document.getElementById('ask');

ask.addEventListener('click', async event => {
  const { kind } = event.target.dataset;
  if (!kind) return;
  // What cannot be taken back is asked for twice; a frame of another site may show no dialog of the browser's.
  if (kind === 'erase' && !event.target.dataset.sure) {
    event.target.dataset.sure = 'yes';
    event.target.textContent = 'Yes, ask for removal';
    state.textContent = 'Removal cannot be undone. Press again if you are sure.';
    return;
  }
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
  state.textContent = about.known ? `Ask for what came here from ${about.platform}; an operator of Lectern sees to it.` : 'This launch names no person, so there is nothing to ask for.';
  ask.hidden = !about.known;
} catch (error) {
  state.textContent = error.message;
}
