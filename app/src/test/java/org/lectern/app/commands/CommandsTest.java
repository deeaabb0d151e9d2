package org.lectern.app.commands;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lectern.app.lti.launch.TestPlatform;
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

    @Test
    void platformsOfTheConfigurationAreChecked() {
        try (var platform = new TestPlatform((here, routes) -> routes.get(
                "/authorize", (request, response) -> response.status(400).send()))) {
            assertThat(run(check(
                            platform.issuer() + "/authorize",
                            platform.keysAddress().toString())))
                    .as(answer.toString())
                    .hasValue(0);
            assertThat(answer.toString())
                    .contains("https://lms.example, client 7", "1 of them fit", "Nothing is wrong.");
            assertThat(run(check(platform.issuer() + "/nowhere", platform.issuer() + "/no-keys")))
                    .hasValue(1);
            assertThat(answer.toString())
                    .contains("It answers 404", "Compare the address with the one the platform shows", "2 failures.");
        }
    }

    private static String[] check(String authorization, String keys) {
        String prefix = "--lectern.lti.registrations[0].";
        return new String[] {
            "--check-platforms",
            prefix + "issuer=https://lms.example",
            prefix + "client-id=7",
            prefix + "authorization-endpoint=" + authorization,
            prefix + "jwks-uri=" + keys
        };
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--move-shard",
                "--move-shard=20",
                "--move-shard=x --to=1",
                "--move-shard=20 --to=1 --to=2",
                "--move-shard=20 --to=1 --confirm",
                "--move-shard=20 --confirm --revert",
                "--move-shard=20 --confirm --dry-run"
            })
    void movesThatAreNotClearAreNotBegun(String arguments) {
        assertThat(run(arguments.split(" ", -1))).hasValue(2);
        assertThat(answer.toString()).startsWith("Usage: --move-shard=LOGICAL");
    }

    private OptionalInt run(String... arguments) {
        return Commands.run(arguments, new PrintWriter(answer));
    }
}
