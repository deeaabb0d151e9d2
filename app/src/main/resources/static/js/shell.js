/** The frame of every page: who is here, where they may go, where they are. Works without a session too. */
import { storedSession } from './session-store.js';

const session = storedSession();
if (session) {
  const staff = session.roles.some(role => role !== 'student');
  const nav = document.getElementById('course-nav');
  nav.hidden = false;
  for (const link of nav.querySelectorAll('[data-for]')) {
    link.hidden = link.dataset.for === 'staff' ? !staff : !session.operator;
  }
  for (const link of nav.querySelectorAll('a')) {
    const target = link.getAttribute('href');
    if (location.pathname === target || location.pathname.startsWith(`${target}/`)) link.setAttribute('aria-current', 'page');
  }
  const who = document.getElementById('who');
  who.hidden = false;
  who.firstElementChild.textContent = [session.context_title, session.name].filter(Boolean).join(' · ');
  who.firstElementChild.title = who.firstElementChild.textContent;
}
