package org.lectern.app.lti.service.call;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ServiceOriginsTest {

    private static final List<String> HOSTS =
            List.of("canvas.instructure.com=*.instructure.com", "lms.example=api.example");

    @ParameterizedTest
    @CsvSource({
        "https://canvas.instructure.com, https://school.instructure.com/api/lti/x, true",
        "https://canvas.instructure.com, https://SCHOOL.Instructure.com:443/api/lti/x, true",
        "https://canvas.instructure.com, https://instructure.com/x, false",
        "https://canvas.instructure.com, https://evilinstructure.com/x, false",
        "https://canvas.instructure.com, https://school.instructure.com.evil.example/x, false",
        "https://canvas.instructure.com, http://school.instructure.com/x, false",
        "https://canvas.instructure.com, https://school.instructure.com:8443/x, false",
        "https://canvas.instructure.com, https://api.example/x, false",
        "https://evil.example, https://school.instructure.com/x, false",
        "https://evil.example?canvas.instructure.com, https://school.instructure.com/x, false",
        "https://lms.example, https://api.example/x, true",
        "https://lms.example, https://x.api.example/x, false",
        "lms.example, https://api.example/x, false"
    })
    void onlyHostsThatAreNamedForTheIssuerCount(String issuer, URI service, boolean named) {
        assertThat(ServiceOrigins.named(HOSTS, issuer, service)).isEqualTo(named);
    }
}
