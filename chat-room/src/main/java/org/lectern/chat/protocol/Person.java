package org.lectern.chat.protocol;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Somebody in a room, as the others see them.
 *
 * @param id Lectern's id of the person
 * @param name display name, where the platform gave one
 */
public record Person(UUID id, @Nullable String name) {}
