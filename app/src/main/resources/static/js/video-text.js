/** Words for the states of a video, the same in the library and in the player. */

/** Text and tone for a video's state. */
export function stateText({ state, stage, percent }) {
  switch (state) {
    case 'uploading': return { text: `Uploading ${percent} %`, tone: 'accent' };
    case 'queued': return { text: stage === 'probing' ? 'Checking the file' : 'Waiting its turn', tone: 'accent' };
    case 'processing': return { text: `Processing ${percent} %`, tone: 'accent' };
    case 'ready': return { text: 'Ready', tone: 'good' };
    case 'rejected': return { text: 'Not accepted', tone: 'bad' };
    case 'failed': return { text: 'Failed', tone: 'bad' };
    default: return { text: state, tone: '' };
  }
}

/** Seconds as people write them: 1:02:03. */
export function clock(seconds) {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (!parts[0]) parts.shift();
  return parts.map((part, index) => (index ? String(part).padStart(2, '0') : part)).join(':');
}
