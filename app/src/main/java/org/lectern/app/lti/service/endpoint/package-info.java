/** Where platforms' services are: what launches tell of them, kept by course and link for use after the launch. */
@NullMarked
package org.lectern.app.lti.service.endpoint;

import org.jspecify.annotations.NullMarked;
