package org.lectern.app.commands;

import java.io.PrintWriter;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.doctor.PlatformCheck;
import org.lectern.infra.roles.NodeRole;

/**
 * Options that answer and end, without starting a node: no web server, no consumer, no port. Only {@code --move-shard} connects to the
 * databases.
 */
public final class Commands {

    private static final String LIST_ROLES = "--list-roles";
    private static final String VERIFY_CONFIG = "--verify-config";
    private static final String CHECK_PLATFORMS = "--check-platforms";

    private Commands() {}

    /**
     * Carries out the command among the arguments, if there is one.
     *
     * @param arguments of the program; what is not a command counts as configuration
     * @param out where the answer goes
     * @return the exit code, or empty when there is no command and a node is to be started
     */
    public static OptionalInt run(String[] arguments, PrintWriter out) {
        List<String> given = Arrays.asList(arguments);
        if (given.contains(LIST_ROLES)) {
            listRoles(out);
            return OptionalInt.of(0);
        }
        if (given.contains(VERIFY_CONFIG)) {
            return OptionalInt.of(verify(without(given, VERIFY_CONFIG), out));
        }
        if (given.contains(CHECK_PLATFORMS)) {
            return OptionalInt.of(checkPlatforms(without(given, CHECK_PLATFORMS), out));
        }
        if (MoveCommand.isAmong(given)) {
            return OptionalInt.of(MoveCommand.run(given, out));
        }
        return OptionalInt.empty();
    }

    private static String[] without(List<String> given, String command) {
        return given.stream().filter(one -> !one.equals(command)).toArray(String[]::new);
    }

    private static void listRoles(PrintWriter out) {
        out.printf("%-10s %s%n", "ROLE", "STARTS");
        for (NodeRole role : NodeRole.values()) {
            out.printf("%-10s %s%n", role.key(), role.duty());
        }
        out.println();
        out.println("Every node also answers /actuator/health and /actuator/prometheus.");
        out.println("Choose with --lectern.roles=web,chat (default: all). Routes and listeners: docs/roles.md");
        out.flush();
    }

    private static int verify(String[] configuration, PrintWriter out) {
        List<String> problems = ConfigurationCheck.problems(configuration);
        problems.forEach(out::println);
        out.println(
                problems.isEmpty()
                        ? "The configuration is valid."
                        : problems.size() == 1 ? "1 problem." : problems.size() + " problems.");
        out.flush();
        return problems.isEmpty() ? 0 : 1;
    }

    /** Asks the platforms of the configuration what a launch would ask; a configuration that is wrong comes first. */
    private static int checkPlatforms(String[] configuration, PrintWriter out) {
        int problems = verify(configuration, out);
        if (problems != 0) {
            return problems;
        }
        int failures =
                PlatformCheck.run(ConfigurationCheck.bound("lectern.lti", LtiProperties.class, configuration), out);
        out.println(failures == 0 ? "Nothing is wrong." : failures == 1 ? "1 failure." : failures + " failures.");
        out.flush();
        return failures == 0 ? 0 : 1;
    }
}
