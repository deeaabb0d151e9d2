/** People by the platform's id and by Lectern's, both ways. */
@NullMarked
package org.lectern.app.lti.service.person;

import org.jspecify.annotations.NullMarked;
