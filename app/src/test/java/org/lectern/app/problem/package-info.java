/** Tests of how errors are answered. */
@NullMarked
package org.lectern.app.problem;

import org.jspecify.annotations.NullMarked;
