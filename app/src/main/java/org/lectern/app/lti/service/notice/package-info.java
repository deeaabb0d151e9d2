/** Platform Notification Service 1.0: asks deployments for notices, takes them, and shows them to operators. */
@NullMarked
package org.lectern.app.lti.service.notice;

import org.jspecify.annotations.NullMarked;
