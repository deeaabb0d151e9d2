/**
 * What goes over a chat socket: frames, error codes and close codes, complete as types (docs/chat-protocol.md). Pure
 * apart from the JSON codec and the problem types that error codes are over HTTP.
 */
@NullMarked
package org.lectern.chat.protocol;

import org.jspecify.annotations.NullMarked;
