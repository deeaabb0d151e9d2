/** Sessions of launches: opaque bearer tokens, one-time codes and the store behind them; knows nothing of LTI. */
@NullMarked
package org.lectern.app.session;

import org.jspecify.annotations.NullMarked;
