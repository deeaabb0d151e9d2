/** The last step of a launch: trades the one-time code for the session, then goes on to what the launch asked for. */
import { storeSession } from './session-store.js';

const ATTEMPTS = 4;
const status = document.getElementById('launch-status');
const code = new URLSearchParams(location.search).get('code');

function fail(title, advice) {
  status.querySelector('h1').textContent = title;
  status.querySelector('p').textContent = advice;
}

/** Asks again a few times when the server is busy: a code that was not taken is still good. */
async function exchange() {
  for (let attempt = 1; ; attempt++) {
    const response = await fetch('/api/session', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify({ code }),
    });
    if (response.status < 500 || attempt === ATTEMPTS) return response;
    await new Promise(resume => setTimeout(resume, attempt * 1000));
  }
}

try {
  // The code works once; it leaves the address bar and the history before anything else happens.
  history.replaceState(null, '', '/launch');
  const response = await exchange();
  if (response.ok) {
    const session = await response.json();
    storeSession(session);
    location.replace(session.path ?? '/chat');
  } else if (response.status >= 500) {
    fail('Lectern is busy', 'Open it again from your course in a moment.');
  } else {
    fail('This link has been used', 'Open Lectern again from your course.');
  }
} catch {
  fail('Lectern cannot be reached', 'Check your connection, then open Lectern again from your course.');
}
