/**
 * Where this tab keeps its session: session storage. Never a cookie, so that it works inside an LMS frame with
 * third-party cookies blocked, and never a URL.
 *
 * Fields: token, expires_at, context_id, context_title, user_id, name, roles, operator.
 */
const KEY = 'lectern.session';

/** The stored session, or null when there is none or it has expired. */
export function storedSession() {
  try {
    const stored = JSON.parse(sessionStorage.getItem(KEY));
    return stored && Date.parse(stored.expires_at) > Date.now() ? stored : null;
  } catch {
    return null; // storage is blocked or holds something else: as good as no session
  }
}

/** Whether this page may keep anything: a browser that blocks a frame's cookies altogether refuses it storage too. */
export function mayKeep() {
  try {
    sessionStorage.setItem(`${KEY}.probe`, '1');
    sessionStorage.removeItem(`${KEY}.probe`);
    return true;
  } catch {
    return false;
  }
}

/** Keeps a session that the launch page obtained. */
export function storeSession(session) {
  sessionStorage.setItem(KEY, JSON.stringify(session));
}

/** Forgets the session. */
export function forgetSession() {
  sessionStorage.removeItem(KEY);
}
