/** Plays a video: waits until it is ready, resumes where this person stopped, and tells what was watched. */
import { api, events } from './api.js';
import { session, staff } from './session.js';
import { timeline } from './player-timeline.js';
import { editTexts } from './player-texts.js';
import { clock, stateText } from './video-text.js';

const REPORT_SECONDS = 10;
const RESUME_FROM_SECONDS = 5;
const id = location.pathname.split('/').pop();
const element = document.getElementById('video');
const problem = document.getElementById('problem');
const waiting = document.getElementById('waiting');
let chapters = null;

function fail(text) {
  waiting.hidden = true;
  problem.hidden = false;
  problem.firstElementChild.textContent = text;
}

function head(video) {
  document.getElementById('title').textContent = video.title;
  document.title = `${video.title} · Lectern`;
}

/** Shows how far the work is; answers whether there is more to come. */
function wait(video) {
  head(video);
  if (video.state === 'ready') return false;
  if (video.error) {
    fail(video.error.detail);
    return false;
  }
  waiting.hidden = false;
  document.getElementById('stage').textContent = stateText(video).text;
  document.getElementById('progress').value = video.percent;
  return true;
}

async function ready() {
  let video = await api(`/api/video/${id}`);
  for (let attempt = 0; wait(video); attempt++) {
    try {
      await events(`/api/video/${id}/events`, event => {
        attempt = 0;
        wait(event.data);
      });
    } catch (error) {
      if (error.status === 404) throw error;
    }
    await new Promise(done => setTimeout(done, Math.min(30000, 500 * 2 ** attempt)));
    video = await api(`/api/video/${id}`);
  }
  waiting.hidden = true;
  return video.state === 'ready' ? video : null;
}

/** hls.js where Media Source Extensions are, else the browser's own HLS. */
function attach(video) {
  const { Hls } = window;
  const start = video.position >= RESUME_FROM_SECONDS ? video.position : 0;
  if (Hls?.isSupported()) {
    const hls = new Hls({ startPosition: start || -1, capLevelToPlayerSize: true });
    let mends = 0;
    hls.on(Hls.Events.ERROR, async (_, data) => {
      if (!data.fatal) return;
      if (data.type === Hls.ErrorTypes.MEDIA_ERROR && mends++ < 3) {
        hls.recoverMediaError();
      } else if ([403, 410].includes(data.response?.code) && mends++ < 3) {
        // The address has expired: a fresh one, from where we are.
        const fresh = await api(`/api/video/${id}`);
        hls.config.startPosition = element.currentTime;
        hls.loadSource(fresh.playlist_url);
      } else if (data.type === Hls.ErrorTypes.NETWORK_ERROR && mends++ < 10) {
        setTimeout(() => hls.startLoad(), 3000);
      } else {
        fail('The video cannot be played just now. Load the page again.');
      }
    });
    hls.on(Hls.Events.FRAG_BUFFERED, () => { mends = 0; });
    hls.once(Hls.Events.MANIFEST_PARSED, () => qualities(hls));
    captions(hls);
    hls.loadSource(video.playlist_url);
    hls.attachMedia(element);
  } else if (element.canPlayType('application/vnd.apple.mpegurl')) {
    element.src = video.playlist_url;
    element.addEventListener('loadedmetadata', () => { if (start) element.currentTime = start; }, { once: true });
    // The browser's own controls offer qualities and captions.
    for (const id of ['quality', 'captions']) document.getElementById(id).parentElement.hidden = true;
  } else {
    fail('This browser cannot play video streams.');
  }
  if (start) {
    const note = document.getElementById('resume');
    note.hidden = false;
    note.textContent = `Goes on at ${clock(start)}, where you stopped.`;
  }
}

/** The languages of the stream; the choice is remembered. */
function captions(hls) {
  const select = document.getElementById('captions');
  const fill = tracks => {
    const chosen = localStorage.getItem('lectern.captions') ?? '';
    select.replaceChildren(select.options[0]);
    tracks.forEach((track, index) => {
      const option = document.createElement('option');
      option.value = index;
      option.textContent = track.name;
      option.lang = track.lang ?? '';
      option.selected = track.lang === chosen;
      select.append(option);
    });
    select.parentElement.hidden = tracks.length === 0;
    hls.subtitleTrack = Number(select.value);
    hls.subtitleDisplay = hls.subtitleTrack >= 0;
  };
  hls.on(window.Hls.Events.SUBTITLE_TRACKS_UPDATED, (_, data) => fill(data.subtitleTracks));
  fill(hls.subtitleTracks ?? []);
  select.addEventListener('change', () => {
    hls.subtitleTrack = Number(select.value);
    hls.subtitleDisplay = hls.subtitleTrack >= 0;
    localStorage.setItem('lectern.captions', select.selectedOptions[0].lang);
  });
}

function toggleCaptions() {
  const select = document.getElementById('captions');
  if (select.length < 2) return;
  select.selectedIndex = select.selectedIndex > 0 ? 0 : 1;
  select.dispatchEvent(new Event('change'));
}

function qualities(hls) {
  const select = document.getElementById('quality');
  hls.levels.forEach((level, index) => {
    const option = document.createElement('option');
    option.value = index;
    option.textContent = level.height ? `${Math.min(level.width, level.height)}p` : 'Sound only';
    select.append(option);
  });
  select.addEventListener('change', () => { hls.nextLevel = Number(select.value); });
}

/** Counts what was really played, from one jump to the next, and tells the server every few seconds. */
function report() {
  let from = null;
  let last = 0;
  const send = leaving => {
    if (from === null || last - from < 0.5) return;
    const body = JSON.stringify({ from, to: last });
    from = last;
    fetch(`/api/video/${id}/watch`, {
      method: 'POST',
      keepalive: leaving,
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${session.token}` },
      body,
    }).catch(() => {});
  };
  const stop = () => {
    send(false);
    from = null;
  };
  element.addEventListener('timeupdate', () => {
    if (element.paused || element.seeking) return;
    const now = element.currentTime;
    if (from === null || now < last || now - last > 2) {
      send(false);
      from = now;
    }
    last = now;
    if (last - from >= REPORT_SECONDS) send(false);
  });
  element.addEventListener('pause', stop);
  element.addEventListener('seeking', stop);
  element.addEventListener('ended', stop);
  addEventListener('pagehide', () => send(true));
}

function setSpeed(step) {
  const select = document.getElementById('speed');
  select.selectedIndex = Math.max(0, Math.min(select.length - 1, select.selectedIndex + step));
  element.playbackRate = Number(select.value);
}

function keys(event) {
  // The controls of the page and the player's own keep their keys.
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest('input, select, textarea, button, a, summary')) return;
  const own = event.target === element;
  const jump = seconds => { element.currentTime = Math.max(0, Math.min(element.duration || 0, element.currentTime + seconds)); };
  const volume = step => { element.volume = Math.max(0, Math.min(1, element.volume + step)); };
  const action = {
    ' ': () => (element.paused ? element.play() : element.pause()),
    k: () => (element.paused ? element.play() : element.pause()),
    j: () => jump(-10),
    l: () => jump(10),
    ArrowLeft: () => jump(-5),
    ArrowRight: () => jump(5),
    ArrowUp: () => volume(0.1),
    ArrowDown: () => volume(-0.1),
    m: () => { element.muted = !element.muted; },
    f: () => (document.fullscreenElement ? document.exitFullscreen() : element.requestFullscreen?.()),
    c: toggleCaptions,
    n: () => chapters?.step(1),
    p: () => chapters?.step(-1),
    '<': () => setSpeed(-1),
    '>': () => setSpeed(1),
  }[event.key] ?? (/^[0-9]$/.test(event.key) ? () => { element.currentTime = (element.duration || 0) * event.key / 10; } : null);
  // Arrows scroll the page unless the player has the focus.
  if (!action || (!own && event.key.startsWith('Arrow'))) return;
  event.preventDefault();
  action();
}

try {
  const video = await ready();
  if (video) {
    document.getElementById('player').hidden = false;
    if (video.poster_url) element.poster = video.poster_url;
    const { width, height } = video.renditions[0];
    if (width && height) element.style.aspectRatio = `${width} / ${height}`;
    document.getElementById('speed').addEventListener('change', () => setSpeed(0));
    addEventListener('keydown', keys);
    report();
    attach(video);
    chapters = await timeline(element, video);
    if (staff) editTexts(video);
  }
} catch (error) {
  fail(error.message);
}
