/** Tests of the options that answer at once. */
@NullMarked
package org.lectern.app.commands;

import org.jspecify.annotations.NullMarked;
