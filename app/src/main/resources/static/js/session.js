/** The session of a page that cannot do without one: importing this module is how a page says so. */
import { forgetSession, storedSession } from './session-store.js';

/** Forgets the session and says what to do; used when the server no longer knows it. */
export function sessionEnded() {
  forgetSession();
  showNoSession('Your session has ended', 'Open Lectern again from your course to go on where you were.');
}

function showNoSession(title, advice) {
  const panel = document.createElement('div');
  panel.className = 'empty';
  panel.setAttribute('role', 'alert');
  const heading = document.createElement('h1');
  heading.textContent = title;
  const text = document.createElement('p');
  text.textContent = advice;
  const home = document.createElement('a');
  home.className = 'button';
  home.href = '/';
  home.textContent = 'About Lectern';
  panel.append(heading, text, home);
  document.querySelector('main').replaceChildren(panel);
}

/** The session of this page. */
export const session = storedSession();

if (!session) {
  showNoSession('Open Lectern from your course', 'This page belongs to a course. Follow its link in your learning management system.');
  // Modules that import this one wait here for good: such a page has nothing to show without a session.
  await new Promise(() => {});
}

/** Whether this person teaches or runs the course. */
export const staff = session.roles.some(role => role !== 'student');
