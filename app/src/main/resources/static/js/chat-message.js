/** One message as an element; everything of it that came from people stays text. */

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });

export function element(tag, className, content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (content !== undefined) made.append(content);
  return made;
}

export function button(className, label, action) {
  const made = element('button', className, label);
  made.type = 'button';
  if (action) made.addEventListener('click', action);
  return made;
}

export const nameOf = person => person.name || 'Somebody';

function initials(name) {
  const words = name.split(/\s+/).filter(Boolean);
  return (words.length > 1 ? words[0][0] + words.at(-1)[0] : name.slice(0, 2)).toUpperCase();
}

function hue(id) {
  let hash = 0;
  for (const c of id) hash = (hash * 31 + c.codePointAt(0)) % 360;
  return hash;
}

function safeLink(address, words) {
  const link = element('a', '', words);
  link.href = address;
  link.target = '_blank';
  link.rel = 'noopener noreferrer nofollow ugc';
  return link;
}

/** The host of an address; nothing of one that the browser cannot read. */
function host(address) {
  try {
    return new URL(address).host;
  } catch {
    return '';
  }
}

/** Text with its web addresses made links and names behind an @ set off; everything else stays text. */
export function formatted(source, mentioned = []) {
  const fragment = document.createDocumentFragment();
  let rest = 0;
  for (const match of source.matchAll(/https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g)) {
    fragment.append(withMentions(source.slice(rest, match.index), mentioned), safeLink(match[0], match[0]));
    rest = match.index + match[0].length;
  }
  fragment.append(withMentions(source.slice(rest), mentioned));
  return fragment;
}

function withMentions(source, names) {
  const fragment = document.createDocumentFragment();
  const lower = source.toLowerCase();
  let rest = 0;
  for (let at = source.indexOf('@'); at >= 0; at = source.indexOf('@', at + 1)) {
    const name = names.filter(each => lower.startsWith(each.toLowerCase(), at + 1)).sort((a, b) => b.length - a.length)[0];
    if (!name) continue;
    fragment.append(source.slice(rest, at), element('span', 'mention', source.slice(at, at + 1 + name.length)));
    rest = at + 1 + name.length;
  }
  fragment.append(source.slice(rest));
  return fragment;
}

/** The head and body of a message, for the log and for panels alike. */
export function messageItem(message, { me, names = () => [], full = true }) {
  const item = element('li', 'message');
  const at = new Date(message.ts);
  const name = nameOf(message.user);
  const avatar = element('span', 'avatar', initials(name));
  avatar.style.setProperty('--hue', hue(message.user.id));
  avatar.setAttribute('aria-hidden', 'true');
  const by = element('div', 'by');
  const time = element('time', '', clock.format(at));
  time.dateTime = at.toISOString();
  time.title = at.toLocaleString();
  by.append(element('span', 'name', name), time);
  if (message.pinned) by.append(element('span', 'badge', 'Pinned'));
  item.append(avatar, by);
  const text = element('p', 'text', message.deleted ? 'This message was deleted.' : formatted(message.text, names(message)));
  item.append(text);
  if (message.edited_at && !message.deleted) {
    const edited = element('span', 'edited', ' (edited)');
    edited.title = new Date(message.edited_at).toLocaleString();
    text.append(edited);
  }
  if (message.links?.length) {
    const links = element('ul', 'links');
    links.setAttribute('aria-label', 'Attached links');
    for (const link of message.links) {
      if (!/^https?:\/\//i.test(link.url)) continue;
      const line = element('li', '', safeLink(link.url, link.title || link.url));
      line.append(element('small', '', ` ${host(link.url)}`));
      links.append(line);
    }
    item.append(links);
  }
  if (message.seq !== undefined) item.dataset.seq = message.seq;
  item.classList.toggle('own', message.user.id === me);
  item.classList.toggle('deleted', Boolean(message.deleted));
  item.classList.toggle('to-me', Boolean(message.mentions?.includes(me)));
  if (!full) item.classList.add('first');
  return item;
}

/** Excerpt of a hit with its words marked; offsets count as JavaScript's strings do. */
export function marked(excerpt, marks) {
  const fragment = document.createDocumentFragment();
  let rest = 0;
  for (const { start, end } of marks) {
    fragment.append(excerpt.slice(rest, start), element('mark', '', excerpt.slice(start, end)));
    rest = end;
  }
  fragment.append(excerpt.slice(rest));
  return fragment;
}
