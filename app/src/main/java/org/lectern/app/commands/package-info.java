/**
 * What the program answers and ends, without starting a node: {@code --list-roles}, {@code --verify-config} and {@code
 * --check-platforms}.
 */
@NullMarked
package org.lectern.app.commands;

import org.jspecify.annotations.NullMarked;
