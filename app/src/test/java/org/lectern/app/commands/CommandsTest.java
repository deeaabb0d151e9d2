package org.lectern.app.commands;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.lectern.infra.roles.NodeRole;

class CommandsTest {

    private final StringWriter answer = new StringWriter();

    @Test
    void rolesAreListedWithWhatTheyStart() {
        assertThat(run("--list-roles")).hasValue(0);
        for (NodeRole role : NodeRole.values()) {
            assertThat(answer.toString()).contains(role.key(), role.duty());
        }
    }

    @Test
    void withoutACommandANodeIsStarted() {
        assertThat(run("--server.port=0", "--lectern.roles=web")).isEmpty();
        assertThat(answer.toString()).isEmpty();
    }

    @Test
    void theShippedConfigurationIsValid() {
        assertThat(run("--verify-config")).as(answer.toString()).hasValue(0);
        assertThat(answer.toString()).contains("valid");
    }

    @Test
    void everyProblemHasItsLine() {
        assertThat(run(
                        "--verify-config",
                        "--lectern.roles=web,cook",
                        "--lectern.edge.request-timeout=soon",
                        "--lectern.edge.read-timeoutt=1s"))
                .hasValue(1);
        assertThat(answer.toString().lines())
                .anyMatch(line -> line.startsWith("lectern.roles") && line.contains("cook"))
                .anyMatch(line -> line.startsWith("lectern.edge.request-timeout: \"soon\" cannot be read"))
                .anyMatch(line -> line.startsWith("lectern.edge.read-timeoutt: nothing reads this"))
                .contains("3 problems.");
    }

    @Test
    void valuesOutOfRangeAreRefused() {
        assertThat(run("--verify-config", "--lectern.edge.read-timeout=0s")).hasValue(1);
        assertThat(answer.toString().lines()).anyMatch(line -> line.startsWith("lectern.edge.read-timeout: "));
    }

    @Test
    void anEmptyListOfRolesIsRefused() {
        assertThat(run("--verify-config", "--lectern.roles=")).hasValue(1);
        assertThat(answer.toString()).contains("lectern.roles names no role");
    }

    private OptionalInt run(String... arguments) {
        return Commands.run(arguments, new PrintWriter(answer));
    }
}
