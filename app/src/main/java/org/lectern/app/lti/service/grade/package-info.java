/** Assignment and Grade Services 2.0: columns of the platform's gradebook, scores sent by jobs, results. */
@NullMarked
package org.lectern.app.lti.service.grade;

import org.jspecify.annotations.NullMarked;
