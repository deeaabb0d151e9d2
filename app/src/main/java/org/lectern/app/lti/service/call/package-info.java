/** One call to a platform's service with its token, and lists that go over pages. */
@NullMarked
package org.lectern.app.lti.service.call;

import org.jspecify.annotations.NullMarked;
