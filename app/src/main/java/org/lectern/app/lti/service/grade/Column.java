package org.lectern.app.lti.service.grade;

import java.net.URI;
import org.jspecify.annotations.Nullable;

/**
 * A resource's column in the platform's gradebook.
 *
 * @param resource what is graded
 * @param url AGS' line item, which may carry a query
 * @param label its title, where known
 * @param maximum the most that scores of ours say
 */
record Column(GradedResource resource, URI url, @Nullable String label, double maximum) {}
