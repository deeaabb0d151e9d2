package org.lectern.app.lti.service.call;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

class ListReadingTest {

    private final ListReading reading = new ListReading(URI.create("https://lms.example/1"), 3, 10, 3);

    @Test
    void charactersCountOverAllPages() {
        reading.took(6);
        reading.took(4);
        assertThatThrownBy(() -> reading.took(1)).hasMessageContaining("10 characters");
    }

    @Test
    void elementsCountOverAllPages() {
        reading.parsed(JsonMapper.shared().readTree("[1,2]"));
        reading.parsed(JsonMapper.shared().readTree("{\"id\":\"x\",\"members\":[1]}"));
        assertThatThrownBy(() -> reading.parsed(JsonMapper.shared().readTree("[1]")))
                .hasMessageContaining("3 elements");
    }

    @Test
    void pagesAreFollowedOnceAndNotForEver() {
        reading.follow(URI.create("https://lms.example/2"));
        assertThatThrownBy(() -> reading.follow(URI.create("https://lms.example/1")))
                .hasMessageContaining("circle");
        reading.follow(URI.create("https://lms.example/3"));
        assertThatThrownBy(() -> reading.follow(URI.create("https://lms.example/4")))
                .hasMessageContaining("3 pages");
    }
}
