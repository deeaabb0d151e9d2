/** Deep Linking 2.0: an instructor picks what of Lectern to place in the course. */
@NullMarked
package org.lectern.app.lti.service.deeplink;

import org.jspecify.annotations.NullMarked;
