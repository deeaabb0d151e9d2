/** What the program answers and ends, without starting a node: {@code --list-roles} and {@code --verify-config}. */
@NullMarked
package org.lectern.app.commands;

import org.jspecify.annotations.NullMarked;
