package org.lectern.analytics;

import org.jspecify.annotations.Nullable;

/**
 * Withholds figures about so few people that one of them could be identified. Nobody is no group: zero is told.
 *
 * @param smallest the smallest number of people that may be told
 */
record SmallGroups(int smallest) {

    /** Whether a number of people is too small to tell. */
    boolean tooSmall(long people) {
        return people > 0 && people < smallest;
    }

    /** The number, or null when it is too small to tell. */
    @Nullable
    Long tell(long people) {
        return tooSmall(people) ? null : people;
    }

    /**
     * The size of a part of a group, or null when the part or what is left of the group is too small to tell: whoever
     * knows the whole and one part knows the other.
     */
    @Nullable
    Long tellPart(long part, long whole) {
        return tooSmall(whole) || tooSmall(part) || tooSmall(whole - part) ? null : part;
    }
}
