/** Calls Lectern's API with the session's bearer token; what goes wrong becomes a Problem (RFC 9457). */
import { session, sessionEnded } from './session.js';

/** A problem document as an error: `type` is stable, `message` is for the reader. */
export class Problem extends Error {
  constructor(status, document = {}) {
    super(document.detail || document.title || `The server answered ${status}`);
    this.name = 'Problem';
    this.status = status;
    this.type = document.type || 'about:blank';
    this.traceId = document.trace_id;
  }
}

async function call(path, { method = 'GET', body, headers = {}, signal } = {}) {
  const response = await fetch(path, {
    method,
    signal,
    headers: {
      Accept: 'application/json',
      Authorization: `Bearer ${session.token}`,
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (response.ok) return response;
  if (response.status === 401) sessionEnded();
  throw new Problem(response.status, await response.json().catch(() => ({})));
}

/** Calls a route; answers the parsed JSON, or null where there is no content. */
export async function api(path, options) {
  const response = await call(path, options);
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

/**
 * Reads server-sent events over fetch (an EventSource cannot carry a bearer token). Resolves when the server ends the
 * stream, rejects when it breaks; the caller decides whether to begin again.
 *
 * @param onEvent called with {event, data, id}; data is parsed JSON
 */
export async function events(path, onEvent, { signal } = {}) {
  const response = await call(path, { headers: { Accept: 'text/event-stream' }, signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += value.replaceAll('\r\n', '\n');
    let end;
    while ((end = buffer.indexOf('\n\n')) >= 0) {
      const event = parse(buffer.slice(0, end));
      buffer = buffer.slice(end + 2);
      if (event.data !== undefined) onEvent(event);
    }
  }
}

function parse(block) {
  const event = { event: 'message' };
  const data = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon === 0) continue; // a comment: keeps the connection alive
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') data.push(value);
    else if (field === 'event' || field === 'id') event[field] = value;
  }
  if (data.length) event.data = JSON.parse(data.join('\n'));
  return event;
}
