/**
 * What the program answers and ends, without starting a node: {@code --list-roles}, {@code --verify-config}, {@code
 * --check-platforms} and {@code --move-shard}.
 */
@NullMarked
package org.lectern.app.commands;

import org.jspecify.annotations.NullMarked;
