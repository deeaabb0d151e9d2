package org.lectern.infra.listing;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One page of a list, newest first.
 *
 * @param items what is on this page
 * @param next what to send as {@code before} to get the following page; null on the last one (the field stays in the
 *     JSON, so that clients can rely on it)
 * @param missingShards numbers of the shards that did not answer: what they hold is not on this page; left out of the JSON
 *     when every shard answered
 * @param <T> what is listed
 */
public record Listing<T>(
        List<T> items,
        @JsonInclude(JsonInclude.Include.ALWAYS) @Nullable String next,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) List<Integer> missingShards) {

    /** The most items that one page may hold; a greater {@code limit} is refused with 400. */
    public static final int MAX_LIMIT = 200;

    /** Copies the items and the numbers. */
    public Listing {
        items = List.copyOf(items);
        missingShards = List.copyOf(missingShards);
    }

    /** A page that lacks nothing. */
    public Listing(List<T> items, @Nullable String next) {
        this(items, next, List.of());
    }

    /**
     * A page cut from rows that were asked for with one more than the limit: whether that extra row came tells whether
     * there is a following page.
     *
     * @param rows at most {@code limit + 1} rows in the order of the list
     * @param limit how many the client asked for
     * @param key what stands for an item in {@code before} (exclusive)
     */
    public static <T> Listing<T> of(List<T> rows, int limit, Function<? super T, String> key) {
        if (rows.size() <= limit) {
            return new Listing<>(rows, null);
        }
        List<T> page = rows.subList(0, limit);
        return new Listing<>(page, key.apply(page.getLast()));
    }
}
