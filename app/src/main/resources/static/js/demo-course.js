/** Is the LMS around the tool: opens the course's chat as soon as the course page is there, marks the tool that is open, and keeps
 * the tool's data for it. */
const tools = document.getElementById('tools');
tools.addEventListener('submit', event => {
  for (const button of tools.querySelectorAll('button')) {
    if (button === event.submitter) button.setAttribute('aria-pressed', 'true');
    else button.removeAttribute('aria-pressed');
  }
});

/** The platform's storage for the tool in its frame (LTI Client Side postMessages and Platform Storage 1.0). */
const stored = new Map();
const LIMIT = 100;
window.addEventListener('message', event => {
  const message = event.data;
  const frame = document.getElementById('tool').contentWindow;
  if (event.source !== frame || event.origin !== location.origin || !message || typeof message !== 'object') return;
  const answer = more => frame.postMessage(
    { subject: `${message.subject}.response`, message_id: message.message_id, ...more }, event.origin);
  if (message.subject === 'demo.placed') {
    location.reload();
  } else if (message.subject === 'lti.capabilities') {
    answer({ supported_messages: ['lti.capabilities', 'lti.put_data', 'lti.get_data'].map(subject => ({ subject })) });
  } else if (message.subject === 'lti.put_data' && typeof message.key === 'string') {
    if (stored.size >= LIMIT && !stored.has(message.key)) {
      answer({ error: { code: 'storage_exhaustion', message: 'No more room' } });
    } else {
      stored.set(message.key, message.value);
      answer({ key: message.key, value: message.value });
    }
  } else if (message.subject === 'lti.get_data' && typeof message.key === 'string') {
    answer({ key: message.key, value: stored.get(message.key) ?? null });
  }
});
tools.requestSubmit(tools.querySelector('button'));
