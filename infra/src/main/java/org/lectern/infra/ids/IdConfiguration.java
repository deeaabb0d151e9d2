package org.lectern.infra.ids;

import java.security.SecureRandom;
import java.time.Clock;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.util.IdGenerator;

/** The node's clock, id generator and source of randomness. */
@Configuration(proxyBeanMethods = false)
class IdConfiguration {

    @Bean
    Clock clock() {
        return Clock.systemUTC();
    }

    @Bean
    IdGenerator ids() {
        return new TimeOrderedIds();
    }

    @Bean
    SecureRandom secureRandom() {
        return new SecureRandom();
    }
}
