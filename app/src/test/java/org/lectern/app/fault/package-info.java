/** Several processes of the product under load, and what happens to them and their servers in a bad week. */
@NullMarked
package org.lectern.app.fault;

import org.jspecify.annotations.NullMarked;
