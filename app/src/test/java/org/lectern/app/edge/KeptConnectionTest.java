package org.lectern.app.edge;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.netty.http.server.HttpServer;

/**
 * A client that sends its next request on a kept connection the instant it has the answer is always answered. Reactor
 * Netty 1.3.6 and 1.3.7 stop reading such a connection now and then (reactor-netty issue 4361), which a class behind a
 * proxy would see as pages that never come: the root pom keeps a version that does not.
 */
class KeptConnectionTest {

    private static final int REQUESTS = 20_000;
    private static final byte[] ELSEWHERE = request("/elsewhere");
    private static final byte[] AT_ONCE = request("/at-once");

    @Test
    void everyRequestOfAQuickClientIsAnswered() throws IOException {
        var server = HttpServer.create()
                .host("127.0.0.1")
                .port(0)
                .handle((request, response) -> response.header("Content-Length", "2")
                        .sendString(
                                request.uri().equals("/at-once")
                                        ? Mono.just("ok")
                                        : Mono.just("ok").publishOn(Schedulers.parallel())))
                .bindNow();
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
            socket.setTcpNoDelay(true);
            socket.setSoTimeout(30_000);
            var answers = new BufferedInputStream(socket.getInputStream());
            for (int i = 0; i < REQUESTS; i++) {
                socket.getOutputStream().write(i % 2 == 0 ? ELSEWHERE : AT_ONCE);
                assertThat(answer(answers)).startsWith("HTTP/1.1 200").endsWith("ok");
            }
        } finally {
            server.disposeNow();
        }
    }

    private static byte[] request(String path) {
        return "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n".formatted(path).getBytes(StandardCharsets.US_ASCII);
    }

    private static String answer(BufferedInputStream in) throws IOException {
        var answer = new StringBuilder();
        while (answer.indexOf("\r\n\r\nok") < 0) {
            int next = in.read();
            if (next < 0) {
                throw new IOException("closed after: " + answer);
            }
            answer.append((char) next);
        }
        return answer.toString();
    }
}
