package org.lectern.app.lti.service.call;

import java.net.URI;
import java.util.HashSet;
import java.util.Set;
import org.lectern.app.lti.service.http.PlatformFailureException;
import org.lectern.app.lti.service.http.PlatformFailureException.Kind;
import tools.jackson.databind.JsonNode;

/**
 * What one reading of a list has taken so far, and its limits over all pages together. For one subscription, whose pages
 * come one after the other; every method throws {@link PlatformFailureException} at a limit.
 */
final class ListReading {

    private final int maxPages;
    private final long maxCharacters;
    private final long maxElements;
    private final Set<URI> pages = new HashSet<>();
    private long characters;
    private long elements;

    ListReading(URI first, int maxPages, long maxCharacters, long maxElements) {
        this.maxPages = maxPages;
        this.maxCharacters = maxCharacters;
        this.maxElements = maxElements;
        pages.add(first);
    }

    /** A page's body came. */
    void took(int length) {
        characters += length;
        require(characters <= maxCharacters, "is longer than " + maxCharacters + " characters");
    }

    /** A page was parsed: it is an array, or an object around one. */
    void parsed(JsonNode page) {
        elements += page.isArray()
                ? page.size()
                : page.values().stream()
                        .filter(JsonNode::isArray)
                        .mapToLong(JsonNode::size)
                        .sum();
        require(elements <= maxElements, "has more than " + maxElements + " elements");
    }

    /** A page names the next one. */
    void follow(URI next) {
        require(pages.add(next), "leads in a circle: a page names one that was read");
        require(pages.size() <= maxPages, "has more than " + maxPages + " pages");
    }

    private static void require(boolean kept, String broken) {
        if (!kept) {
            throw new PlatformFailureException(Kind.UNUSABLE, "the platform's list " + broken);
        }
    }
}
