/**
 * The connection to a room: opens it with a fresh ticket, resumes by (epoch, since) after any break, and keeps what was
 * done until the server says it is committed. Doing it again with the same id is harmless, so after a break everything
 * unacknowledged is simply sent again. Where sockets are blocked it reads by server-sent events and sends by POST.
 * The protocol is described in docs/chat-protocol.md.
 */
import { api, events, Problem } from './api.js';
import { CLOSE_CODES } from './chat-codes.js';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** So many sockets in a row that never opened mean that something on the way blocks them. */
const BLOCKED_AFTER = 2;
/** Of the connections after that, each third tries a socket again. */
const TRY_SOCKET_EVERY = 3;
const OPEN_WITHIN_MS = 8000;

export class ChatConnection {
  #contextId;
  #listener;
  #socket = null;
  #stream = null;
  #epoch = null;
  #since = null;
  #failures = 0;
  #neverOpened = 0;
  #attempts = 0;
  #timer = null;
  #unacknowledged = new Map();
  #open = false;
  #started = false;
  #ended = false;

  /**
   * @param listener object with onState(state, detail), onWelcome(frame, anew), onEntry(frame), onPresence(frame),
   *   onAck(frame), onRefused(frame). States: connecting, open (detail: socket or events), waiting (detail: when, in
   *   milliseconds of the clock), full, expired, banned.
   */
  constructor(contextId, listener) {
    this.#contextId = contextId;
    this.#listener = listener;
    addEventListener('online', () => this.now());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && !this.#connected()) this.now();
    });
  }

  /** Connects; what has a number above `since` comes next. */
  start(since, epoch = null) {
    this.#since = since;
    this.#epoch = epoch;
    this.#started = true;
    this.#connect();
  }

  /** Connects at once instead of at the end of the pause. */
  now() {
    if (this.#started && !this.#connected() && !this.#ended) this.#soon(0);
  }

  /** Does something now or as soon as there is a connection: a frame with type and id. */
  act(frame) {
    this.#unacknowledged.set(frame.id, frame);
    this.#write(frame);
  }

  /** Gives up on what was refused. */
  forget(id) {
    this.#unacknowledged.delete(id);
  }

  typing() {
    if (this.#stream) this.#post('typing');
    else this.#write({ type: 'typing' });
  }

  read(seq) {
    if (this.#stream) this.#post('read', { seq });
    else this.#write({ type: 'read', seq });
  }

  #connected() {
    return this.#socket !== null || this.#stream !== null;
  }

  #write(frame) {
    if (!this.#open) return;
    if (this.#stream) this.#postEntry(frame);
    else this.#socket.send(JSON.stringify(frame));
  }

  async #connect() {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#connected() || this.#ended) return;
    this.#attempts += 1;
    this.#listener.onState('connecting');
    if (this.#neverOpened >= BLOCKED_AFTER && this.#attempts % TRY_SOCKET_EVERY !== 0) this.#connectStream();
    else this.#connectSocket();
  }

  async #connectSocket() {
    this.#socket = 'asking'; // holds the place while the ticket is on its way
    try {
      const { url } = await api(`/api/chat/rooms/${this.#contextId}/tickets`, { method: 'POST' });
      const position = this.#since === null ? '' : `&since=${this.#since}`;
      const epoch = this.#epoch === null ? '' : `&epoch=${this.#epoch}`;
      const socket = new WebSocket(url + epoch + position);
      this.#socket = socket;
      const late = setTimeout(() => socket.close(), OPEN_WITHIN_MS);
      let heard = false;
      socket.onmessage = event => {
        heard = true;
        this.#neverOpened = 0;
        clearTimeout(late);
        this.#receive(JSON.parse(event.data));
      };
      socket.onclose = event => {
        clearTimeout(late);
        if (!heard) this.#neverOpened += 1;
        if (this.#socket !== socket) return;
        this.#detach();
        this.#closed(event.code);
      };
    } catch (problem) {
      this.#socket = null;
      this.#refused(problem);
    }
  }

  async #connectStream() {
    const stream = new AbortController();
    this.#stream = stream;
    const query = this.#since === null ? '' : `?since=${this.#since}${this.#epoch === null ? '' : `&epoch=${this.#epoch}`}`;
    let code = 1006;
    try {
      await events(`/api/chat/rooms/${this.#contextId}/events${query}`, event => {
        if (event.data.type === 'close') code = event.data.code;
        else this.#receive(event.data);
      }, { signal: stream.signal });
    } catch (problem) {
      if (this.#stream !== stream) return;
      this.#detach();
      if (problem instanceof Problem) this.#refused(problem);
      else this.#closed(code);
      return;
    }
    if (this.#stream !== stream) return;
    this.#detach();
    this.#closed(code);
  }

  #refused(problem) {
    if (problem instanceof Problem && problem.status === 401) {
      this.#ended = true; // the page says that the session has ended
      return;
    }
    if (problem instanceof Problem && problem.status === 403) {
      this.#ended = true;
      this.#listener.onState('banned', problem.message);
      return;
    }
    const full = problem instanceof Problem && problem.type === 'urn:lectern:problem:room-full';
    this.#retry(full ? 'full' : 'waiting', full ? LONGEST_PAUSE_MS : undefined);
  }

  #receive(frame) {
    switch (frame.type) {
      case 'welcome': {
        const anew = this.#epoch !== null && this.#epoch !== frame.epoch;
        this.#epoch = frame.epoch;
        if (anew) this.#since = null;
        this.#open = true;
        this.#failures = 0;
        this.#listener.onState('open', this.#stream ? 'events' : 'socket');
        this.#listener.onWelcome(frame, anew);
        for (const waiting of this.#unacknowledged.values()) this.#write(waiting);
        break;
      }
      case 'ack':
        this.#unacknowledged.delete(frame.id);
        this.#listener.onAck(frame);
        break;
      case 'error':
        this.#listener.onRefused(frame);
        break;
      case 'presence':
        this.#listener.onPresence(frame);
        break;
      case 'reconnect':
        this.#leave(frame.after_ms);
        break;
      default:
        if (typeof frame.seq !== 'number') break; // a frame of a later version of the protocol
        if (this.#since !== null && frame.seq <= this.#since) break; // had it before the break
        this.#since = frame.seq;
        this.#listener.onEntry(frame);
    }
  }

  async #postEntry(frame) {
    try {
      const receipt = await api(`/api/chat/rooms/${this.#contextId}/entries`, { method: 'POST', body: frame });
      this.#unacknowledged.delete(frame.id);
      this.#listener.onAck(receipt);
    } catch (problem) {
      // Without an answer nobody knows: it is sent again with the next connection.
      if (problem instanceof Problem) this.#listener.onRefused({ id: frame.id, code: problem.type, detail: problem.message });
    }
  }

  #post(what, body) {
    api(`/api/chat/rooms/${this.#contextId}/${what}`, { method: 'POST', body }).catch(() => { /* the next one tells it */ });
  }

  /** The node goes: move after the delay it gave, so that a full room does not move at once. */
  #leave(afterMs) {
    const { socket, stream } = { socket: this.#socket, stream: this.#stream };
    this.#timer = setTimeout(() => {
      if (this.#socket !== socket || this.#stream !== stream) return;
      this.#detach();
      if (socket) socket.close(1000);
      if (stream) stream.abort();
      this.#connect();
    }, afterMs);
  }

  #detach() {
    if (this.#socket instanceof WebSocket) {
      this.#socket.onclose = null;
      this.#socket.onmessage = null;
    }
    this.#socket = null;
    this.#stream = null;
    this.#open = false;
  }

  #closed(code) {
    const known = CLOSE_CODES.get(code);
    if (known && !known.reconnect) {
      this.#ended = true;
      this.#listener.onState(known.name === 'banned' ? 'banned' : 'expired');
      return;
    }
    if (known?.name === 'restarted') this.#epoch = -1; // no server has it, so the next welcome begins anew
    this.#retry('waiting', known?.name === 'rate' ? LONGEST_PAUSE_MS : undefined);
  }

  #retry(state, pause) {
    this.#failures += 1;
    const ceiling = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 6));
    const wait = pause ?? ceiling * (0.5 + Math.random() / 2);
    this.#listener.onState(state, Date.now() + wait);
    this.#soon(wait);
  }

  #soon(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), wait);
  }
}
