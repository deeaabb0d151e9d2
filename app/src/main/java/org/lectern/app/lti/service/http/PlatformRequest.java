package org.lectern.app.lti.service.http;

import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpMethod;

/**
 * What a platform is asked.
 *
 * @param service which service, for metrics: a word such as {@code roster}
 * @param method the method
 * @param uri the whole address
 * @param accept media type wanted
 * @param contentType media type of the body, null without one
 * @param body the body, null without one
 * @param repeatable whether sending it twice does no harm; else it is sent again only when the platform said that it
 *     did nothing (429, 503)
 */
public record PlatformRequest(
        String service,
        HttpMethod method,
        URI uri,
        String accept,
        @Nullable String contentType,
        @Nullable String body,
        boolean repeatable) {

    /** A request to read. */
    public static PlatformRequest get(String service, URI uri, String accept) {
        return new PlatformRequest(service, HttpMethod.GET, uri, accept, null, null, true);
    }

    /** An address with further parameters; it may have a query already. */
    public static URI address(URI address, Map<String, String> parameters) {
        String text = address.toString();
        String more = parameters.entrySet().stream()
                .map(one -> one.getKey() + "=" + URLEncoder.encode(one.getValue(), StandardCharsets.UTF_8))
                .collect(Collectors.joining("&"));
        return URI.create(text + (address.getRawQuery() == null ? "?" : "&") + more);
    }

    /** The address of a part of something; the query of the whole stays behind the path. */
    public static URI address(URI whole, String part) {
        String text = whole.toString();
        int query = text.indexOf('?');
        String path = query < 0 ? text : text.substring(0, query);
        String rest = query < 0 ? "" : text.substring(query);
        return URI.create((path.endsWith("/") ? path : path + "/") + part + rest);
    }

    /** Leaves the address' query and the body out. */
    @Override
    public String toString() {
        return method + " " + uri.getHost() + uri.getRawPath();
    }
}
