/** Shows what stands behind a person's grade (LTI Submission Review). */
import { api } from './api.js';

const person = document.getElementById('person');
const PROGRESS = { Initialized: 'not begun', Started: 'begun', InProgress: 'under way', Submitted: 'handed in', Completed: 'completed' };
const when = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

function name(score) {
  return score.label ?? (score.resource === 'participation' ? 'Taking part in the chat' : 'Watching a video');
}

try {
  const review = await api('/api/lti/review');
  person.textContent = review.scores.length ? `Work of ${review.name ?? 'this person'}.` : `Nothing was reported for ${review.name ?? 'this person'} yet.`;
  const body = document.querySelector('#work tbody');
  for (const score of review.scores) {
    const row = body.insertRow();
    const title = document.createElement('th');
    title.scope = 'row';
    const [, video] = score.resource.split(':');
    if (video) {
      const link = document.createElement('a');
      link.href = `/video/${video}`;
      link.textContent = name(score);
      title.append(link);
    } else {
      title.textContent = name(score);
    }
    row.append(title);
    const points = row.insertCell();
    points.className = 'number';
    points.textContent = score.score === null ? '–' : `${score.score} of ${score.maximum}`;
    row.insertCell().textContent = PROGRESS[score.activity_progress] ?? score.activity_progress;
    row.insertCell().textContent = when.format(new Date(score.at));
  }
  document.getElementById('work').hidden = review.scores.length === 0;
} catch (error) {
  person.textContent = error.message;
}
