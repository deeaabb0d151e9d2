/** The bar below the video: seeks, shows a picture of where the pointer or the keyboard stands, and marks chapters. */
import { clock } from './video-text.js';

/** The sheet's pictures by time, as the WebVTT file says. */
async function pictures(address) {
  if (!address) return [];
  const base = new URL(address, location.href);
  const text = await fetch(base).then(answer => (answer.ok ? answer.text() : ''), () => '');
  const seconds = time => time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  return [...text.matchAll(/^(\S+) --> (\S+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)$/gm)].map(match => ({
    from: seconds(match[1]),
    image: new URL(match[3], base).href,
    x: Number(match[4]),
    y: Number(match[5]),
    width: Number(match[6]),
    height: Number(match[7]),
  }));
}

/** Builds the bar; answers `{step}`, which goes so many chapters on. */
export async function timeline(element, video) {
  const seek = document.getElementById('seek');
  const preview = document.getElementById('preview');
  const picture = preview.querySelector('.picture');
  const chapters = video.chapters ?? [];
  const sheet = await pictures(video.thumbnails_url);
  const duration = () => element.duration || video.duration || 0;
  let held = false;
  seek.max = Math.floor(duration());

  const chapterAt = time => chapters.findLastIndex(chapter => chapter.start <= time + 0.25);

  function show(time) {
    const shown = sheet.findLast(one => one.from <= time);
    const chapter = chapters[chapterAt(time)];
    picture.hidden = !shown;
    if (shown) {
      picture.style.width = `${shown.width}px`;
      picture.style.height = `${shown.height}px`;
      picture.style.backgroundImage = `url("${shown.image}")`;
      picture.style.backgroundPosition = `-${shown.x}px -${shown.y}px`;
    }
    preview.querySelector('.time').textContent = chapter ? `${clock(time)} ${chapter.title}` : clock(time);
    preview.hidden = false;
    const bar = seek.getBoundingClientRect();
    const half = preview.offsetWidth / 2;
    const at = duration() ? time / duration() * bar.width : 0;
    preview.style.left = `${Math.max(half, Math.min(bar.width - half, at))}px`;
  }

  function tell(time) {
    const chapter = chapters[chapterAt(time)];
    seek.setAttribute('aria-valuetext', `${clock(time)} of ${clock(duration())}${chapter ? `, ${chapter.title}` : ''}`);
  }

  element.addEventListener('timeupdate', () => {
    if (held) return;
    seek.max = Math.floor(duration());
    seek.value = element.currentTime;
    tell(element.currentTime);
    mark();
  });
  seek.addEventListener('input', () => {
    held = true;
    show(Number(seek.value));
    tell(Number(seek.value));
  });
  seek.addEventListener('change', () => {
    held = false;
    element.currentTime = Number(seek.value);
    preview.hidden = true;
  });
  seek.addEventListener('pointermove', event => {
    const bar = seek.getBoundingClientRect();
    show(Math.max(0, Math.min(1, (event.clientX - bar.left) / bar.width)) * duration());
  });
  for (const type of ['pointerleave', 'blur']) seek.addEventListener(type, () => { preview.hidden = true; });

  const list = document.querySelector('#chapters ol');
  document.getElementById('chapters').hidden = chapters.length === 0;
  list.replaceChildren(...chapters.map(chapter => {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'chapter';
    const time = document.createElement('span');
    time.className = 'soft';
    time.textContent = clock(chapter.start);
    button.append(time, ` ${chapter.title}`);
    button.addEventListener('click', () => {
      element.currentTime = chapter.start;
      element.play().catch(() => {});
    });
    item.append(button);
    return item;
  }));

  function mark() {
    const current = chapterAt(element.currentTime);
    [...list.children].forEach((item, index) => {
      if (index === current) item.firstElementChild.setAttribute('aria-current', 'true');
      else item.firstElementChild.removeAttribute('aria-current');
    });
  }

  tell(0);
  mark();
  return {
    step(count) {
      const next = chapters[Math.max(0, chapterAt(element.currentTime) + count)];
      if (next) element.currentTime = next.start;
    },
  };
}
