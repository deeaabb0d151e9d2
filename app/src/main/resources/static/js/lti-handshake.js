/**
 * The two pages of a launch that ask the platform to keep something: before the login is sent the login's secret is put
 * into the platform's storage, after the answer it is fetched back and sent on with it. Where the storage does not answer
 * in time both go on without it: the cookie that came with the login may still work, and if not, the server says what the
 * reader can do.
 */
import { ask } from './lti-storage.js';

const login = document.getElementById('lti').dataset;
const next = document.getElementById('next');
const answer = document.getElementById('answer');
if (next) {
  await ask(login, { subject: 'lti.put_data', key: login.key, value: login.secret }).catch(() => {});
  location.replace(next.href);
} else {
  const kept = await ask(login, { subject: 'lti.get_data', key: login.key }).catch(() => ({}));
  answer.elements.browser_secret.value = kept.value ?? '';
  answer.submit();
}
