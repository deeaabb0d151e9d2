/** Messages about a person: submission review, data privacy, terms of use. */
@NullMarked
package org.lectern.app.lti.service.message;

import org.jspecify.annotations.NullMarked;
