package org.lectern.app.lti.bench;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.lectern.app.lti.launch.Browser;

/**
 * A tool that is launched, as the driver meets it: a process of its own, held (SIGSTOP) while it is not its turn.
 *
 * @param name how the table calls it
 * @param origin where it listens
 * @param loginPath where logins go
 * @param launchPath where signed answers go
 * @param target the link that is launched
 * @param done status of a launch that worked
 * @param process its process
 * @param machine what it runs on
 */
record BenchTool(
        String name,
        String origin,
        String loginPath,
        String launchPath,
        String target,
        int done,
        Process process,
        BenchMachine machine) {

    /** The id that every tool has at the platform. */
    static final String CLIENT = "client-a";

    /** Sends the platform's answer; fails unless the launch worked. */
    void finish(String cookies, String token, String state) throws IOException {
        HttpURLConnection launch = open(origin + launchPath);
        launch.setRequestMethod("POST");
        launch.setDoOutput(true);
        launch.setRequestProperty("Content-Type", "application/x-www-form-urlencoded");
        launch.setRequestProperty("Accept", Browser.JSON);
        launch.setRequestProperty("Cookie", cookies);
        try (OutputStream body = launch.getOutputStream()) {
            body.write(form(Map.of("id_token", token, "state", state)).getBytes(StandardCharsets.US_ASCII));
        }
        String answer = body(launch);
        if (launch.getResponseCode() != done) {
            throw new IOException(name + ": " + launch.getResponseCode() + " " + answer);
        }
    }

    /** Lets it run. */
    void resume() throws IOException, InterruptedException {
        BenchMachine.command(List.of("kill", "-CONT", Long.toString(process.pid())));
    }

    /** Holds it. */
    void pause() throws IOException, InterruptedException {
        BenchMachine.command(List.of("kill", "-STOP", Long.toString(process.pid())));
    }

    /** Processor time that it and PostgreSQL have taken. */
    double cpuSeconds() throws IOException {
        return BenchMachine.cpuSeconds(process.toHandle()) + machine.postgresCpuSeconds();
    }

    static HttpURLConnection open(String address) throws IOException {
        HttpURLConnection connection =
                (HttpURLConnection) URI.create(address).toURL().openConnection();
        connection.setInstanceFollowRedirects(false);
        connection.setConnectTimeout(30_000);
        connection.setReadTimeout(30_000);
        return connection;
    }

    /** The parameters of the address that an answer leads to. */
    static Map<String, String> redirected(HttpURLConnection connection) throws IOException {
        String answer = body(connection);
        String location = connection.getHeaderField("Location");
        if (location == null) {
            throw new IOException(connection.getResponseCode() + " " + answer);
        }
        return Browser.query(URI.create(location));
    }

    /** The cookies that an answer set, as the next request carries them. */
    static String cookies(HttpURLConnection connection) {
        return connection.getHeaderFields().entrySet().stream()
                .filter(header -> "Set-Cookie".equalsIgnoreCase(header.getKey()))
                .flatMap(header -> header.getValue().stream())
                .map(cookie -> cookie.split(";", 2)[0])
                .collect(Collectors.joining("; "));
    }

    static String form(Map<String, String> fields) {
        return fields.entrySet().stream()
                .map(one -> one.getKey() + "=" + URLEncoder.encode(one.getValue(), StandardCharsets.UTF_8))
                .collect(Collectors.joining("&"));
    }

    private static String body(HttpURLConnection connection) throws IOException {
        try (InputStream stream =
                connection.getResponseCode() < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            // Read to the end, so that the connection is kept.
            return stream == null ? "" : new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
