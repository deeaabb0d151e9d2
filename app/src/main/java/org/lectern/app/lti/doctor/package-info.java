/** Checks a platform's registration step by step, and says what to do about what is wrong. */
@NullMarked
package org.lectern.app.lti.doctor;

import org.jspecify.annotations.NullMarked;
