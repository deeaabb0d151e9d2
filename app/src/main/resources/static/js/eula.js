/** Tells the platform whether the person accepts the terms, then closes the platform's dialog (LTI EULA). */
import { api } from './api.js';

const state = document.getElementById('state');
const answer = document.getElementById('answer');

answer.addEventListener('click', async event => {
  const { accepted } = event.target.dataset;
  if (!accepted) return;
  try {
    await api('/api/lti/eula', { method: 'POST', body: { accepted: accepted === 'true' } });
    state.textContent = 'Thank you. You can close this window.';
    answer.hidden = true;
    // Says nothing about anybody, so any platform may hear it.
    (window.opener ?? window.parent).postMessage({ subject: 'lti.close' }, '*');
  } catch (error) {
    state.textContent = error.message;
  }
});
