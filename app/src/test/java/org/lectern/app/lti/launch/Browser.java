package org.lectern.app.lti.launch;

import java.io.IOException;
import java.net.HttpCookie;
import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/** What a browser does in a launch, over real HTTP: keeps cookies, follows nothing by itself. */
public final class Browser {

    /** What a browser accepts for a page. */
    public static final String PAGE = "text/html,application/xhtml+xml,*/*;q=0.8";
    /** What a script asks for. */
    public static final String JSON = "application/json";

    private static final HttpClient HTTP = HttpClient.newBuilder()
            .connectTimeout(Duration.ofSeconds(5))
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();

    private final Map<String, String> cookies = new ConcurrentHashMap<>();
    private final URI origin;

    /** A fresh browser. */
    public Browser(URI origin) {
        this.origin = origin;
    }

    /** Gets an address of the server, or another absolute one. */
    public HttpResponse<String> get(String address, String accept) {
        return send(HttpRequest.newBuilder(origin.resolve(address)).header("Accept", accept));
    }

    /** Posts a form. */
    public HttpResponse<String> post(String address, Map<String, String> fields, String accept) {
        return send(HttpRequest.newBuilder(origin.resolve(address))
                .header("Accept", accept)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(BodyPublishers.ofString(form(fields))));
    }

    /** Sends any request, with the cookies. */
    public HttpResponse<String> send(HttpRequest.Builder request) {
        if (!cookies.isEmpty()) {
            request.header(
                    "Cookie",
                    cookies.entrySet().stream()
                            .map(one -> one.getKey() + "=" + one.getValue())
                            .collect(Collectors.joining("; ")));
        }
        try {
            HttpResponse<String> response =
                    HTTP.send(request.timeout(Duration.ofSeconds(30)).build(), BodyHandlers.ofString());
            response.headers().allValues("set-cookie").forEach(header -> {
                HttpCookie cookie = HttpCookie.parse(header.split(";", 2)[0]).getFirst();
                if (cookie.getValue().isEmpty()) {
                    cookies.remove(cookie.getName());
                } else {
                    cookies.put(cookie.getName(), cookie.getValue());
                }
            });
            return response;
        } catch (IOException e) {
            throw new IllegalStateException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Fields as a form or a query. */
    public static String form(Map<String, String> fields) {
        return fields.entrySet().stream()
                .map(one -> one.getKey() + "=" + URLEncoder.encode(one.getValue(), StandardCharsets.UTF_8))
                .collect(Collectors.joining("&"));
    }

    /** The parameters of an address. */
    public static Map<String, String> query(URI address) {
        return Arrays.stream(address.getRawQuery().split("&"))
                .map(one -> one.split("=", 2))
                .collect(Collectors.toMap(one -> one[0], one -> URLDecoder.decode(one[1], StandardCharsets.UTF_8)));
    }

    /** Where a redirect leads. */
    public static URI location(HttpResponse<?> response) {
        return URI.create(response.headers().firstValue("location").orElseThrow());
    }
}
