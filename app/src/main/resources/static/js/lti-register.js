/** Tells the LMS that its administrator is done here (LTI Dynamic Registration 1.0, section 3.7). Nothing secret is said. */
document.getElementById('close')?.addEventListener('click', () => {
  (window.opener ?? window.parent).postMessage({ subject: 'org.imsglobal.lti.close' }, '*');
});
