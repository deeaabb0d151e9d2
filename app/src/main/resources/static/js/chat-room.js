/**
 * What is known of a room: its messages in their present state. History gives a message as it was at a number of the
 * room's sequence (`as_of`); an entry changes it only when its own number is greater, so that nothing counts twice,
 * whichever of the two comes first.
 */
export class ChatRoom {
  #me;
  #bySeq = new Map();
  #order = [];
  /** Greatest entry seen. */
  head = 0;

  constructor(me) {
    this.#me = me;
  }

  /** Sequence numbers of the messages known, ascending. */
  get order() {
    return this.#order;
  }

  get(seq) {
    return this.#bySeq.get(seq);
  }

  /** Messages of history, in any order; answers how many are new. */
  add(messages) {
    let added = 0;
    for (const message of messages) {
      if (!this.#bySeq.has(message.seq)) added += 1;
      const known = this.#bySeq.get(message.seq);
      if (!known || known.as_of <= message.as_of) this.#bySeq.set(message.seq, message);
      this.head = Math.max(this.head, message.as_of);
    }
    if (added) this.#order = [...this.#bySeq.keys()].sort((a, b) => a - b);
    return added;
  }

  /** An entry of the room; answers the message that is new (`said`) and those that changed. */
  apply(entry) {
    this.head = Math.max(this.head, entry.seq);
    if (entry.type === 'message') {
      const changed = [];
      const root = entry.reply_to && this.#bySeq.get(entry.reply_to);
      if (root && root.as_of < entry.seq && !entry.deleted) {
        root.replies += 1;
        changed.push(root.seq);
      }
      if (this.#bySeq.has(entry.seq)) return { changed };
      const message = {
        edited_at: null, deleted: false, reply_to: null, links: [], mentions: [], ...entry,
        reactions: [], replies: 0, pinned: false, as_of: entry.seq,
      };
      this.#bySeq.set(entry.seq, message);
      if (this.#order.length && this.#order.at(-1) > entry.seq) this.#order = [...this.#bySeq.keys()].sort((a, b) => a - b);
      else this.#order.push(entry.seq);
      return { said: message, changed };
    }
    const message = this.#bySeq.get(entry.target);
    if (!message || message.as_of >= entry.seq) return { changed: [] };
    const changed = [message.seq];
    switch (entry.type) {
      case 'edit':
        if (!message.deleted) Object.assign(message, { text: entry.text, edited_at: entry.ts });
        break;
      case 'delete': {
        const root = message.reply_to && this.#bySeq.get(message.reply_to);
        if (root && root.as_of < entry.seq && !message.deleted) {
          root.replies -= 1;
          changed.push(root.seq);
        }
        Object.assign(message, { deleted: true, text: '', links: [], mentions: [], reactions: [], pinned: false });
        break;
      }
      case 'reaction':
        this.#react(message, entry);
        break;
      case 'pin':
        message.pinned = entry.on;
        break;
    }
    return { changed };
  }

  #react(message, { emoji, on, user }) {
    const mine = user.id === this.#me;
    const who = message.reactors ??= new Map();
    const key = `${emoji} ${user.id}`;
    const known = message.reactions.find(each => each.emoji === emoji);
    // The same person may set what is set: history tells only counts, so each one's last word since then is kept.
    if (mine ? Boolean(known?.mine) === on : who.get(key) === on) return;
    who.set(key, on);
    if (known) {
      known.count += on ? 1 : -1;
      if (mine) known.mine = on;
      if (known.count <= 0) message.reactions = message.reactions.filter(each => each !== known);
    } else if (on) {
      message.reactions.push({ emoji, count: 1, mine });
    }
  }

  /** The last message of a person that is not deleted. */
  lastOf(userId) {
    for (let i = this.#order.length - 1; i >= 0; i--) {
      const message = this.#bySeq.get(this.#order[i]);
      if (message.user.id === userId && !message.deleted) return message;
    }
    return null;
  }
}
