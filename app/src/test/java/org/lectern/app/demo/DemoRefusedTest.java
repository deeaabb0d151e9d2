package org.lectern.app.demo;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.lectern.app.LecternApplication;
import org.springframework.boot.builder.SpringApplicationBuilder;

/** The demo LMS cannot be switched on beside a configured database: such a start ends before anything is connected. */
class DemoRefusedTest {

    @Test
    void aNodeWithItsOwnDatabaseRefusesToStartWithTheDemo() {
        var node = new SpringApplicationBuilder(LecternApplication.class);
        assertThatThrownBy(() -> node.run(
                                "--lectern.embedded.enabled=false",
                                "--lectern.demo.enabled=true",
                                "--lectern.db.servers[0].primary=127.0.0.1:1",
                                "--server.port=0")
                        .close())
                .hasStackTraceContaining("lectern.demo.enabled=true, but the database is not an embedded one");
    }
}
