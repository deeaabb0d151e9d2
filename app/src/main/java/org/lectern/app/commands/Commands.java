package org.lectern.app.commands;

import java.io.PrintWriter;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.lectern.infra.roles.NodeRole;

/** Options that answer at once. Nothing is started for them: no context, no embedded service, no port. */
public final class Commands {

    private static final String LIST_ROLES = "--list-roles";
    private static final String VERIFY_CONFIG = "--verify-config";

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
            String[] configuration =
                    given.stream().filter(one -> !one.equals(VERIFY_CONFIG)).toArray(String[]::new);
            return OptionalInt.of(verify(configuration, out));
        }
        return OptionalInt.empty();
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
}
