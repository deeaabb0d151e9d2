/**
 * The last step of a launch: trades the one-time code for the session, then goes on to what the launch asked for. In a
 * frame that may keep nothing the code is left as it is, for a window of its own, where Lectern is no third party.
 */
import { mayKeep, storeSession } from './session-store.js';

const ATTEMPTS = 4;
const status = document.getElementById('launch-status');
const code = new URLSearchParams(location.search).get('code');

function fail(title, advice) {
  status.querySelector('h1').textContent = title;
  status.querySelector('p').textContent = advice;
}

/** A window of its own may keep what this frame may not. */
function offerWindow() {
  fail('Lectern needs a window of its own', 'Your browser does not let Lectern work inside this page.');
  const link = document.createElement('a');
  link.className = 'button primary';
  link.id = 'again';
  link.target = '_blank';
  link.href = `/launch?code=${encodeURIComponent(code)}`;
  link.textContent = 'Open in a new window';
  status.append(link);
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

async function enter() {
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
}

// The code works once; it leaves the address bar and the history before anything else happens.
history.replaceState(null, '', '/launch');
if (mayKeep()) {
  enter().catch(() => fail('Lectern cannot be reached', 'Check your connection, then open Lectern again from your course.'));
} else if (window !== window.top) {
  offerWindow();
} else {
  fail('Your browser keeps nothing for Lectern', 'Let this site store data, then open Lectern again from your course.');
}
