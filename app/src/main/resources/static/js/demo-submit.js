/* Sends the platform's answer on to the tool (OAuth 2.0 Form Post Response Mode). */
document.getElementById('answer').submit();
