/** Requests to platforms, outbound: bounded in time and size, guarded, tried again while the platform is busy. */
@NullMarked
package org.lectern.app.lti.service.http;

import org.jspecify.annotations.NullMarked;
