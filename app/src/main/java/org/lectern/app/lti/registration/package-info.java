/** Dynamic Registration: a platform registers itself, and waits for an operator's agreement. */
@NullMarked
package org.lectern.app.lti.registration;

import org.jspecify.annotations.NullMarked;
