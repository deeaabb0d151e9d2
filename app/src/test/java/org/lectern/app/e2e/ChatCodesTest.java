package org.lectern.app.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.lectern.chat.protocol.CloseCode;
import org.lectern.chat.protocol.ErrorCode;

/** The page's table of codes is the server's. */
class ChatCodesTest {

    @Test
    void closeCodesAreThoseOfTheServer() {
        assertThat(found("\\[(\\d+), \\{ name: '(\\w+)', reconnect: (true|false) }]"))
                .containsExactlyElementsOf(Arrays.stream(CloseCode.values())
                        .map(code -> List.of(
                                Integer.toString(code.code()),
                                code.name().toLowerCase(Locale.ROOT),
                                Boolean.toString(code.mayReconnect())))
                        .toList());
    }

    @Test
    void errorCodesAreThoseOfTheServer() {
        assertThat(found("\\['(\\w+)', \\{ retry: (true|false) }]"))
                .containsExactlyElementsOf(Arrays.stream(ErrorCode.values())
                        .map(code -> List.of(code.wire(), Boolean.toString(code.mayRetry())))
                        .toList());
    }

    private static List<List<String>> found(String pattern) {
        return Pattern.compile(pattern)
                .matcher(module())
                .results()
                .map(match -> IntStream.rangeClosed(1, match.groupCount())
                        .mapToObj(match::group)
                        .toList())
                .toList();
    }

    private static String module() {
        try (var in = ChatCodesTest.class.getResourceAsStream("/static/js/chat-codes.js")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
