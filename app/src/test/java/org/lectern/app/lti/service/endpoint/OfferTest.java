package org.lectern.app.lti.service.endpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class OfferTest {

    @Test
    void scopesAreNamesWithoutBlanksEachOnce() {
        assertThat(Offer.in(Map.of(
                        "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint",
                        Map.of(
                                "lineitems",
                                "https://platform.example/items",
                                "scope",
                                List.of("urn:score urn:result", " urn:score\n", "urn:item")))))
                .singleElement()
                .satisfies(offer ->
                        assertThat(offer.scopes()).containsExactlyInAnyOrder("urn:score", "urn:result", "urn:item"));
    }
}
