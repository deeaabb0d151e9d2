/**
 * The log of a room: of all messages known only a window around what is looked at is in the document, so ten thousand
 * scroll like a hundred. What the reader looks at stays where it is, whatever comes and goes around it.
 */
import { element } from './chat-message.js';

const MOST = 180; // messages in the document
const STEP = 60;
const EDGE_PX = 600; // nearer to an end of the window than this, it moves on
const NEAR_BOTTOM_PX = 80;
const GROUP_MS = 5 * 60_000;

const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });

/** Makes the children those, in that order, touching only what differs: focus and scrolling stay. */
function reconcile(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  let cursor = parent.firstElementChild;
  for (const node of wanted) {
    if (node === cursor) cursor = cursor.nextElementSibling;
    else parent.insertBefore(node, cursor);
  }
}

export class Timeline {
  #room;
  #scroll;
  #log;
  #make;
  #onEarlier;
  #from = 0;
  #to = 0;
  #items = new Map();
  #days = new Map();
  #unreadAfter = null;
  #unreadLine = element('li', 'unread', 'New since your last visit');
  #frame = null;
  #sticky = true;

  /**
   * @param make makes the element of a message
   * @param onEarlier called when the reader comes near to the oldest message known
   */
  constructor(room, scroll, log, make, onEarlier) {
    this.#room = room;
    this.#scroll = scroll;
    this.#log = log;
    this.#make = make;
    this.#onEarlier = onEarlier;
    scroll.addEventListener('scroll', () => this.#moved(), { passive: true });
    new ResizeObserver(() => { if (this.#sticky) this.#down(); }).observe(scroll);
  }

  /** Whether the reader sees the newest message. */
  atEnd() {
    return this.#to >= this.#room.order.length && this.#nearBottom();
  }

  #nearBottom() {
    return this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight < NEAR_BOTTOM_PX;
  }

  /** How many are in the document. */
  get size() {
    return this.#to - this.#from;
  }

  item(seq) {
    return this.#items.get(seq);
  }

  /** The line between what was read before this visit and what is new. */
  set unreadAfter(seq) {
    this.#unreadAfter = seq;
  }

  /** Draws messages again that changed. */
  changed(seqs) {
    for (const seq of seqs) {
      const old = this.#items.get(seq);
      if (!old) continue;
      const made = this.#made(this.#room.get(seq));
      if (old.contains(document.activeElement)) {
        const focused = document.activeElement.dataset?.key;
        old.replaceWith(made);
        (focused && made.querySelector(`[data-key="${CSS.escape(focused)}"]`) || made).focus({ preventScroll: true });
      } else {
        old.replaceWith(made);
      }
      this.#items.set(seq, made);
    }
    this.draw();
  }

  /** Messages were added at the old end: those in sight stay where they are. */
  grewBefore(count) {
    this.#from += count;
    this.#to += count;
    if (this.#scroll.scrollTop < EDGE_PX) this.#back();
    this.#drawNow();
  }

  #back() {
    this.#from = Math.max(0, this.#from - STEP);
    this.#to = Math.min(this.#to, this.#from + MOST);
  }

  /** Messages were added at the new end. */
  grewAfter() {
    if (this.#sticky || this.#to >= this.#room.order.length - 1) {
      this.#to = this.#room.order.length;
      if (this.#sticky) this.#from = Math.max(this.#from, this.#to - MOST);
    }
    this.draw();
  }

  /** Shows the newest. */
  toEnd() {
    this.#sticky = true;
    this.#to = this.#room.order.length;
    this.#from = Math.max(0, this.#to - STEP * 2);
    this.#drawNow();
    this.#down();
  }

  /** Brings a known message into the middle and gives it the focus. */
  show(seq) {
    const index = this.#room.order.indexOf(seq);
    if (index < 0) return false;
    this.#sticky = false;
    this.#from = Math.max(0, index - STEP);
    this.#to = Math.min(this.#room.order.length, index + STEP);
    this.#drawNow();
    const item = this.#items.get(seq);
    item.scrollIntoView({ block: 'center' });
    item.focus({ preventScroll: true });
    item.classList.add('found');
    setTimeout(() => item.classList.remove('found'), 2500);
    return true;
  }

  /** Soon, once for all that happens before. */
  draw() {
    this.#frame ??= requestAnimationFrame(() => this.#drawNow());
  }

  #drawNow() {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#frame = null;
    const anchor = this.#sticky ? null : this.#anchor();
    this.#reconcile();
    if (this.#sticky) this.#down();
    else if (anchor?.item.isConnected) this.#scroll.scrollTop += anchor.item.getBoundingClientRect().top - anchor.top;
    // Who stands at the very edge cannot scroll, so no event would move the window on.
    if (!this.#sticky) this.#moved();
  }

  #down() {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  /** What stands at the top of the view, and where. */
  #anchor() {
    const top = this.#scroll.getBoundingClientRect().top;
    for (const item of this.#log.children) {
      const box = item.getBoundingClientRect();
      if (box.bottom > top && item.dataset.seq) return { item, top: box.top };
    }
    return null;
  }

  /** The element of a message. One that cannot be drawn is said to be so, and keeps none of the others from being drawn. */
  #made(message) {
    try {
      return this.#make(message);
    } catch (fault) {
      console.error(`message ${message.seq} cannot be drawn`, fault);
      const item = element('li', 'message deleted');
      item.append(element('p', 'text', 'This message cannot be shown.'));
      item.dataset.seq = message.seq;
      item.tabIndex = -1;
      return item;
    }
  }

  #reconcile() {
    const order = this.#room.order;
    this.#to = Math.min(this.#to, order.length);
    const wanted = [];
    const shown = new Set();
    let before = this.#from > 0 ? this.#room.get(order[this.#from - 1]) : null;
    for (let i = this.#from; i < this.#to; i++) {
      const message = this.#room.get(order[i]);
      shown.add(message.seq);
      let item = this.#items.get(message.seq);
      if (!item) {
        item = this.#made(message);
        this.#items.set(message.seq, item);
      }
      const at = new Date(message.ts);
      const newDay = !before || new Date(before.ts).toDateString() !== at.toDateString();
      if (newDay) wanted.push(this.#dayLine(at));
      const unread = this.#unreadAfter !== null && message.seq > this.#unreadAfter && (!before || before.seq <= this.#unreadAfter);
      if (unread) wanted.push(this.#unreadLine);
      const goesOn = !newDay && !unread && before.user.id === message.user.id && !message.reply_to && at - new Date(before.ts) < GROUP_MS;
      item.classList.toggle('first', !goesOn);
      wanted.push(item);
      before = message;
    }
    reconcile(this.#log, wanted);
    for (const seq of this.#items.keys()) if (!shown.has(seq)) this.#items.delete(seq);
  }

  #dayLine(at) {
    const key = at.toDateString();
    if (!this.#days.has(key)) this.#days.set(key, element('li', 'day', day.format(at)));
    return this.#days.get(key);
  }

  #moved() {
    const order = this.#room.order;
    this.#sticky = this.atEnd();
    const below = this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight;
    if (this.#scroll.scrollTop < EDGE_PX) {
      if (this.#from > 0) {
        this.#back();
        this.draw();
      }
      if (this.#from < STEP) this.#onEarlier();
    } else if (below < EDGE_PX && this.#to < order.length) {
      this.#to = Math.min(order.length, this.#to + STEP);
      this.#from = Math.max(this.#from, this.#to - MOST);
      this.draw();
    }
  }
}
