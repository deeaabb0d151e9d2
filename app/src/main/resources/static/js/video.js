/** The library of a course: list, resumable upload through the stock tus client, and progress until a video is ready. */
import { session, staff } from './session.js';
import { api, events } from './api.js';
import { clock, stateText } from './video-text.js';

const PAGE = 24;
const RETRY_DELAYS = [0, 1000, 3000, 5000, 10000, 20000, 30000];
const list = document.getElementById('videos');
const uploads = document.getElementById('uploads');
const more = document.getElementById('more');
const problem = document.getElementById('problem');
const announce = document.getElementById('announce');
const following = new Map();
/** Of uploads that this page itself makes: their own card shows how far they are. */
const uploading = new Set();
let next = null;

function say(text) {
  announce.textContent = text;
}

function fail(error) {
  problem.hidden = false;
  problem.firstElementChild.textContent = error.message;
}

/** Shows a video, in the place it has or before all others. */
function show(video, atTop = false) {
  let card = document.getElementById(`video-${video.id}`);
  if (!card) {
    card = document.getElementById('video-template').content.firstElementChild.cloneNode(true);
    card.id = `video-${video.id}`;
    card.querySelector('.remove').addEventListener('click', () => remove(video.id, card));
    if (atTop) list.prepend(card);
    else list.append(card);
  }
  card.dataset.state = video.state;
  const link = card.querySelector('h3 a');
  link.textContent = video.title;
  link.href = `/video/${video.id}`;
  const state = stateText(video);
  const badge = card.querySelector('.state');
  badge.textContent = state.text;
  badge.className = `badge state ${state.tone}`;
  const date = card.querySelector('.date');
  date.textContent = new Date(video.created_at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  const image = card.querySelector('img');
  if (video.poster_url && image.getAttribute('src') !== video.poster_url) {
    image.src = video.poster_url;
    image.hidden = false;
  }
  const duration = card.querySelector('.duration');
  duration.hidden = !video.duration;
  if (video.duration) duration.textContent = clock(video.duration);
  const busy = ['uploading', 'queued', 'processing'].includes(video.state);
  const bar = card.querySelector('progress');
  bar.hidden = !busy;
  bar.value = video.percent;
  bar.setAttribute('aria-label', `Progress of ${video.title}`);
  const fault = card.querySelector('.fault');
  fault.hidden = !video.error;
  fault.textContent = video.error?.detail ?? '';
  const button = card.querySelector('.remove');
  button.hidden = !staff;
  button.setAttribute('aria-label', `Delete ${video.title}`);
  document.getElementById('empty').hidden = true;
  if (busy) follow(video.id);
}

/** Follows a video until nothing more happens by itself; a broken stream begins again. */
async function follow(id) {
  if (following.has(id)) return;
  const stop = new AbortController();
  following.set(id, stop);
  let settled = false;
  for (let attempt = 0; !settled && !stop.signal.aborted; attempt++) {
    try {
      await events(`/api/video/${id}/events`, event => {
        attempt = 0;
        settled = ['ready', 'rejected', 'failed'].includes(event.data.state);
        if (!uploading.has(id)) show(event.data, true);
        if (settled) say(`${event.data.title}: ${stateText(event.data).text}`);
      }, { signal: stop.signal });
    } catch (error) {
      if (error.status === 404) break;
    }
    if (!settled) await new Promise(done => setTimeout(done, Math.min(30000, 1000 * 2 ** attempt)));
  }
  following.delete(id);
}

async function remove(id, card) {
  const dialog = document.getElementById('confirm');
  dialog.returnValue = 'keep';
  dialog.showModal();
  await new Promise(done => dialog.addEventListener('close', done, { once: true }));
  if (dialog.returnValue !== 'delete') return;
  try {
    await api(`/api/video/${id}`, { method: 'DELETE' });
    following.get(id)?.abort();
    card.remove();
    say('Video deleted');
    document.getElementById('empty').hidden = list.children.length > 0;
    document.getElementById('main').focus();
  } catch (error) {
    fail(error);
  }
}

async function load() {
  try {
    const page = await api(`/api/video?limit=${PAGE}${next ? `&before=${next}` : ''}`);
    page.items.forEach(video => show(video));
    next = page.next;
    more.hidden = !next;
    document.getElementById('empty').hidden = list.children.length > 0;
  } catch (error) {
    fail(error);
  } finally {
    list.setAttribute('aria-busy', 'false');
  }
}

/** What the server said, in its own words where it gave some. */
function uploadProblem(error) {
  try {
    return JSON.parse(error.originalResponse.getBody()).detail;
  } catch {
    return error.originalResponse ? 'The server refused the upload.' : 'The connection is broken; it can be resumed.';
  }
}

function upload(file) {
  const card = document.getElementById('upload-template').content.firstElementChild.cloneNode(true);
  const state = card.querySelector('.state');
  const bar = card.querySelector('progress');
  const toggle = card.querySelector('.toggle');
  let id = null;
  let running = true;
  card.querySelector('.name').textContent = file.name;
  bar.setAttribute('aria-label', `Upload of ${file.name}`);
  toggle.setAttribute('aria-label', `Pause ${file.name}`);
  card.querySelector('.cancel').setAttribute('aria-label', `Cancel ${file.name}`);
  uploads.append(card);

  const transfer = new window.tus.Upload(file, {
    endpoint: '/api/video/upload',
    retryDelays: RETRY_DELAYS,
    // A part is acknowledged and durable before the next one: little is sent twice after a break.
    chunkSize: 32 * 1024 * 1024,
    metadata: {
      filename: file.name,
      title: file.name.replace(/\.[^.]+$/, ''),
      live: String(document.getElementById('live').checked),
    },
    headers: { Authorization: `Bearer ${session.token}` },
    fingerprint: async () => ['lectern', session.context_id, session.user_id, file.name, file.size, file.lastModified].join('-'),
    removeFingerprintOnSuccess: true,
    onUploadUrlAvailable() {
      id = transfer.url.split('/').pop();
      uploading.add(id);
      // The same video as an unfinished one in the list: one card is enough.
      document.getElementById(`video-${id}`)?.remove();
    },
    onProgress(sent, total) {
      bar.value = total ? sent * 100 / total : 0;
      state.textContent = `${Math.floor(bar.value)} % of ${size(total)}`;
    },
    onSuccess() {
      uploading.delete(id);
      card.remove();
      say(`${file.name} is uploaded`);
      api(`/api/video/${id}`).then(video => show(video, true), fail);
    },
    onError(error) {
      running = false;
      state.textContent = uploadProblem(error);
      card.classList.add('failed');
      toggle.textContent = 'Resume';
      toggle.setAttribute('aria-label', `Resume ${file.name}`);
      say(`${file.name}: ${state.textContent}`);
    },
  });

  toggle.addEventListener('click', () => {
    running = !running;
    card.classList.remove('failed');
    toggle.textContent = running ? 'Pause' : 'Resume';
    toggle.setAttribute('aria-label', `${toggle.textContent} ${file.name}`);
    if (running) {
      transfer.start();
    } else {
      transfer.abort();
      state.textContent = `Paused at ${Math.floor(bar.value)} %`;
    }
  });
  card.querySelector('.cancel').addEventListener('click', async () => {
    uploading.delete(id);
    card.remove();
    say(`${file.name} is cancelled`);
    await transfer.abort(true).catch(() => {});
  });

  transfer.findPreviousUploads().then(earlier => {
    if (earlier.length) transfer.resumeFromPreviousUpload(earlier[0]);
    transfer.start();
  });
}

function size(bytes) {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${(bytes / 1024 ** power).toFixed(power > 1 ? 1 : 0)} ${units[power]}`;
}

function uploadAll(files) {
  problem.hidden = true;
  for (const file of files) upload(file);
}

/** What the course's videos take, for staff. */
async function usage() {
  const { source_bytes: sources, output_bytes: outputs, quota_bytes: quota } = await api('/api/video/storage');
  const line = document.getElementById('storage');
  line.textContent = `The videos of this course take ${size(sources + outputs)} of ${size(quota)}.`;
  line.hidden = false;
}

if (staff) {
  usage().catch(() => {});
  const zone = document.getElementById('upload');
  const input = document.getElementById('files');
  zone.hidden = false;
  document.getElementById('choose').addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    uploadAll(input.files);
    input.value = '';
  });
  for (const type of ['dragenter', 'dragover']) {
    zone.addEventListener(type, event => {
      event.preventDefault();
      zone.classList.add('over');
    });
  }
  for (const type of ['dragleave', 'drop']) zone.addEventListener(type, () => zone.classList.remove('over'));
  zone.addEventListener('drop', event => {
    event.preventDefault();
    uploadAll(event.dataTransfer.files);
  });
  addEventListener('beforeunload', event => {
    if (uploading.size) event.preventDefault();
  });
}
more.addEventListener('click', load);
addEventListener('pagehide', () => following.forEach(stop => stop.abort()));
await load();
