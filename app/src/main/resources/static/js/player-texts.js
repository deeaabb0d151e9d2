/** What staff write to a video: captions in several languages, and chapters. */
import { api } from './api.js';
import { session } from './session.js';
import { clock } from './video-text.js';

const status = document.getElementById('texts-status');

function say(text) {
  status.textContent = text;
}

/** `1:02:03 Title` as a chapter; null where there is no time. */
function chapter(line) {
  const match = /^\s*(?:(\d+):)?(\d{1,2}):(\d{2})\s+(.+?)\s*$/.exec(line);
  return match && { start: Number(match[1] ?? 0) * 3600 + Number(match[2]) * 60 + Number(match[3]), title: match[4] };
}

function list(video) {
  document.getElementById('captions-list').replaceChildren(...video.captions.map(track => {
    const item = document.createElement('li');
    item.className = 'row';
    const name = document.createElement('span');
    name.textContent = `${track.label} (${track.language})`;
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'small danger';
    button.textContent = 'Remove';
    button.setAttribute('aria-label', `Remove captions in ${track.label}`);
    button.addEventListener('click', () => change(video, async () => {
      await api(`/api/video/${video.id}/captions/${track.language}`, { method: 'DELETE' });
      return `Captions in ${track.label} are removed. They disappear when the page is loaded again.`;
    }));
    item.append(name, button);
    return item;
  }));
}

async function change(video, work) {
  try {
    say(await work());
    list(await api(`/api/video/${video.id}`));
  } catch (error) {
    say(error.message);
  }
}

/** Shows the forms for a video. */
export function editTexts(video) {
  document.getElementById('texts').hidden = false;
  list(video);
  const text = document.getElementById('chapters-text');
  text.value = video.chapters.map(one => `${clock(one.start)} ${one.title}`).join('\n');
  document.getElementById('chapters-form').addEventListener('submit', event => {
    event.preventDefault();
    const lines = text.value.split('\n').filter(line => line.trim());
    const chapters = lines.map(chapter);
    const wrong = chapters.findIndex(one => !one);
    if (wrong >= 0) {
      say(`Line ${wrong + 1} has no time such as 1:30, or no title.`);
      return;
    }
    change(video, async () => {
      await api(`/api/video/${video.id}/chapters`, { method: 'PUT', body: { chapters } });
      return 'Chapters are saved. Load the page again to see them.';
    });
  });
  document.getElementById('captions-form').addEventListener('submit', event => {
    event.preventDefault();
    const language = document.getElementById('language').value.trim();
    const file = document.getElementById('captions-file').files[0];
    change(video, async () => {
      const answer = await fetch(`/api/video/${video.id}/captions/${encodeURIComponent(language)}`, {
        method: 'PUT',
        headers: { 'Content-Type': 'text/vtt', Authorization: `Bearer ${session.token}` },
        body: file,
      });
      const said = await answer.json();
      if (!answer.ok) throw new Error(said.detail);
      event.target.reset();
      return `Captions in ${said.label} are added. Load the page again to see them.`;
    });
  });
}
