/** The panel beside the log: a thread, search, what is pinned, mentions, and what staff needs. One at a time. */
import { api } from './api.js';
import { button, element, marked, messageItem, nameOf } from './chat-message.js';

const $ = id => document.getElementById(id);
const when = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

export class Panels {
  #base;
  #me;
  #page;
  #open = null;
  #from = null;

  /** @param page what the page does: show(seq), say(text, replyTo), moderate(fields), names(message), who(id) */
  constructor(contextId, me, page) {
    this.#base = `/api/chat/rooms/${contextId}`;
    this.#me = me;
    this.#page = page;
    $('panel-close').addEventListener('click', () => this.close());
    $('panel').addEventListener('keydown', event => {
      if (event.key === 'Escape') this.close();
    });
  }

  close() {
    $('panel').hidden = true;
    this.#open = null;
    (this.#from?.isConnected ? this.#from : $('text')).focus();
  }

  #begin(kind, title, focusTitle = true) {
    if ($('panel').hidden) this.#from = document.activeElement;
    this.#open = kind;
    $('panel-title').textContent = title;
    $('panel').hidden = false;
    const body = $('panel-body');
    body.replaceChildren();
    if (focusTitle) $('panel-title').focus();
    return body;
  }

  /** Something changed that a panel may show. */
  changed(entry) {
    if (!this.#open) return;
    const { kind, seq } = this.#open;
    if (kind === 'thread' && (entry.reply_to === seq || entry.target)) this.#fillThread(seq);
    if (kind === 'pins' && entry.type === 'pin') this.#fillPins();
    if (kind === 'staff' && entry.type === 'moderation') this.#fillStaff();
  }

  async #fill(list, path, make, nothing) {
    try {
      const page = await api(this.#base + path);
      list.replaceChildren(...page.items.map(make));
      if (!page.items.length) list.append(element('li', 'soft', nothing));
      return page;
    } catch (problem) {
      list.replaceChildren(element('li', 'soft', problem.message));
      return null;
    }
  }

  #jumping(message, content) {
    const item = messageItem(message, { me: this.#me, names: this.#page.names, full: false });
    if (content) item.querySelector('.text').replaceChildren(content);
    item.append(button('small quiet jump', 'Show in the room', () => this.#page.show(message.seq)));
    return item;
  }

  /* ---------- thread ---------- */

  thread(seq) {
    const body = this.#begin({ kind: 'thread', seq }, 'Thread', false);
    const list = element('ol', 'chat-log');
    list.id = 'thread';
    const form = element('form', 'chat-composer');
    const label = element('label', 'visually-hidden', 'Answer in this thread');
    label.htmlFor = 'answer';
    const answer = element('textarea');
    answer.id = 'answer';
    answer.rows = 1;
    answer.placeholder = 'Answer';
    answer.addEventListener('keydown', event => {
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    const send = element('button', 'primary', 'Send');
    form.append(label, answer, send);
    form.addEventListener('submit', event => {
      event.preventDefault();
      const words = answer.value.trim();
      if (!words) return;
      answer.value = '';
      this.#page.say(words, seq);
    });
    body.append(list, form);
    this.#fillThread(seq);
    answer.focus();
  }

  async #fillThread(seq) {
    const list = $('thread');
    try {
      const { root, items, next } = await api(`${this.#base}/messages/${seq}/thread?limit=200`);
      if (this.#open?.seq !== seq) return;
      const make = message => messageItem(message, { me: this.#me, names: this.#page.names, full: false });
      list.replaceChildren(make(root), ...items.reverse().map(make));
      list.firstElementChild.classList.add('root');
      if (next) list.firstElementChild.after(element('li', 'soft', 'The latest 200 answers:'));
      list.lastElementChild.scrollIntoView({ block: 'nearest' });
    } catch (problem) {
      list.replaceChildren(element('li', 'soft', problem.message));
    }
  }

  /* ---------- search ---------- */

  search() {
    const body = this.#begin({ kind: 'search' }, 'Search', false);
    const form = element('form', 'row');
    form.setAttribute('role', 'search');
    const label = element('label', 'visually-hidden', 'Search in this room');
    label.htmlFor = 'search';
    const words = element('input');
    Object.assign(words, { id: 'search', type: 'search', maxLength: 200, placeholder: 'Words, or "a phrase"' });
    form.append(label, words, element('button', '', 'Search'));
    const said = element('p', 'soft');
    said.setAttribute('role', 'status');
    const list = element('ol', 'chat-log');
    list.id = 'hits';
    const more = button('small quiet', 'Show older', () => find(more.dataset.next));
    more.hidden = true;
    const find = async before => {
      const query = words.value.trim();
      if (!query) return;
      try {
        const page = await api(`${this.#base}/search?q=${encodeURIComponent(query)}${before ? `&before=${before}` : ''}`);
        const hits = page.items.map(hit => this.#jumping(hit.message, marked(hit.excerpt, hit.marks)));
        if (before) list.append(...hits);
        else list.replaceChildren(...hits);
        said.textContent = list.children.length ? `${list.children.length}${page.next ? ' or more' : ''} found` : 'Nothing was found';
        more.hidden = !page.next;
        more.dataset.next = page.next || '';
      } catch (problem) {
        said.textContent = problem.message;
      }
    };
    form.addEventListener('submit', event => {
      event.preventDefault();
      find();
    });
    body.append(form, said, list, more);
    words.focus();
  }

  /* ---------- pins and mentions ---------- */

  pins() {
    const list = element('ol', 'chat-log');
    list.id = 'pins';
    this.#begin({ kind: 'pins' }, 'Pinned').append(list);
    this.#fillPins();
  }

  #fillPins() {
    return this.#fill($('pins'), '/pins', message => this.#jumping(message), 'Nothing is pinned here.');
  }

  mentions() {
    const list = element('ol', 'chat-log');
    list.id = 'mentions';
    this.#begin({ kind: 'mentions' }, 'Mentions of you').append(list);
    return this.#fill(list, '/mentions', message => this.#jumping(message), 'Nobody has mentioned you yet.');
  }

  /* ---------- staff ---------- */

  staff() {
    const body = this.#begin({ kind: 'staff' }, 'Moderate');
    const mode = element('fieldset', 'chat-mode');
    mode.id = 'mode';
    const sanctions = element('ul', 'plain');
    sanctions.id = 'sanctions';
    const audit = element('ol', 'plain chat-audit');
    audit.id = 'audit';
    body.append(
      mode, element('h3', '', 'Muted or banned'), sanctions, element('h3', '', 'What staff did'), audit,
      button('small', 'Export as NDJSON', event => this.#page.exported(event.target)));
    this.#fillStaff();
  }

  async #fillStaff() {
    const rules = await this.#page.rules();
    const mode = $('mode');
    if (!mode) return;
    mode.replaceChildren(element('legend', '', 'Who may write'));
    const current = rules.announce ? 'announce' : rules.slow_seconds ? 'slow' : 'open';
    for (const [value, words] of [['open', 'Everybody'], ['slow', 'Everybody, once in 30 seconds'], ['announce', 'Staff only']]) {
      const choice = element('label', 'check');
      const radio = element('input');
      Object.assign(radio, { type: 'radio', name: 'mode', value, checked: value === current });
      radio.addEventListener('change', () => {
        if (value === 'slow' && rules.announce) this.#page.moderate({ action: 'open' });
        this.#page.moderate(value === 'slow' ? { action: value, seconds: 30 } : { action: value });
      });
      choice.append(radio, words);
      mode.append(choice);
    }
    await this.#fill($('sanctions'), '/sanctions', each => {
      const line = element('li', 'row spread');
      const until = each.until ? ` until ${when.format(new Date(each.until))}` : '';
      line.append(
        element('span', '', `${nameOf(each.person)}: ${each.kind === 'ban' ? 'banned' : 'muted'}${until}${each.reason ? ` (${each.reason})` : ''}`),
        button('small', each.kind === 'ban' ? 'Let in again' : 'Let write again', () =>
          this.#page.moderate({ action: each.kind === 'ban' ? 'unban' : 'unmute', subject: each.person.id })));
      return line;
    }, 'Nobody.');
    await this.#fill($('audit'), '/audit', line => {
      const item = element('li', '', `${nameOf(line.by)}: ${line.action}${line.target ? ` of message ${line.target}` : ''}${line.subject && this.#page.who(line.subject) ? `, ${this.#page.who(line.subject)}` : ''}${line.reason ? ` (${line.reason})` : ''} `);
      item.append(element('small', '', when.format(new Date(line.at))));
      return item;
    }, 'Nothing yet.');
  }
}
