/** Made from the server's table of codes (ChatCodesTest); docs/chat-protocol.md says what they mean. */

/** Close codes: whether a client may come back by itself. */
export const CLOSE_CODES = new Map([
  [1000, { name: 'normal', reconnect: true }],
  [1009, { name: 'frame_too_large', reconnect: true }],
  [1013, { name: 'unavailable', reconnect: true }],
  [4000, { name: 'idle', reconnect: true }],
  [4001, { name: 'session_expired', reconnect: false }],
  [4003, { name: 'banned', reconnect: false }],
  [4008, { name: 'too_slow', reconnect: true }],
  [4009, { name: 'draining', reconnect: true }],
  [4010, { name: 'restarted', reconnect: true }],
  [4029, { name: 'rate', reconnect: true }],
]);

/** Error codes: whether the same frame may succeed later. */
export const ERROR_CODES = new Map([
  ['malformed', { retry: false }],
  ['bad_text', { retry: false }],
  ['conflict', { retry: false }],
  ['forbidden', { retry: false }],
  ['not_found', { retry: false }],
  ['too_late', { retry: false }],
  ['muted', { retry: false }],
  ['banned', { retry: false }],
  ['announce_only', { retry: false }],
  ['limit', { retry: false }],
  ['slow_mode', { retry: true }],
  ['rate_limited', { retry: true }],
  ['try_later', { retry: true }],
  ['unavailable', { retry: true }],
]);
