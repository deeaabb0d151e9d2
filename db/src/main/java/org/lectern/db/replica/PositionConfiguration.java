package org.lectern.db.replica;

import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Positions in memory; a store that is shared by all nodes takes its place by being primary. */
@Configuration(proxyBeanMethods = false)
class PositionConfiguration {

    @Bean
    PositionStore localPositions() {
        return new LocalPositions();
    }
}
