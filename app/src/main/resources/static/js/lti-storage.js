/**
 * Talks to the storage that an LTI platform offers to tools in its frames (LTI Client Side postMessages and Platform
 * Storage 1.0). Everything goes to, and is believed from, the platform's own origin only.
 */
const PATIENCE_MS = 1500;

function platformFrame(name) {
  const host = window.opener ?? window.parent;
  if (host === window) return null;
  if (name === '_parent') return host;
  try {
    return host.frames[name] ?? null;
  } catch {
    return null; // the frame's name cannot be looked up from here
  }
}

/** Sends one message and resolves with its answer; rejects when there is no frame, no answer in time, or an error. */
export function ask({ storage, origin }, message) {
  const frame = platformFrame(storage);
  if (!frame) return Promise.reject(new Error('no storage frame'));
  const id = crypto.randomUUID();
  return new Promise((resolve, reject) => {
    const end = outcome => {
      clearTimeout(timer);
      window.removeEventListener('message', hear);
      outcome();
    };
    const hear = event => {
      const answer = event.data;
      if (event.origin !== origin || !answer || typeof answer !== 'object') return;
      if (answer.message_id !== id || answer.subject !== `${message.subject}.response`) return;
      end(() => (answer.error ? reject(new Error(answer.error.code ?? 'refused')) : resolve(answer)));
    };
    const timer = setTimeout(() => end(() => reject(new Error('no answer'))), PATIENCE_MS);
    window.addEventListener('message', hear);
    frame.postMessage({ ...message, message_id: id }, origin);
  });
}
