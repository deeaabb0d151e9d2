/** Who may use platforms' services through Lectern: the one place that decides it. */
@NullMarked
package org.lectern.app.lti.service.access;

import org.jspecify.annotations.NullMarked;
