/** Course Groups Service 1.0: the groups of a course. */
@NullMarked
package org.lectern.app.lti.service.group;

import org.jspecify.annotations.NullMarked;
