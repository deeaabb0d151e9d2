package org.lectern.db.move;

import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.lectern.db.settings.DatabaseSettings;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.MapConfigurationPropertySource;

/**
 * A mover in a process of its own, to be killed: works on the move until it reaches a step, says so, and waits there.
 * Arguments: the move, the step (or {@code -} for none), then settings as {@code name=value}.
 */
final class MoverProcess {

    private MoverProcess() {}

    public static void main(String[] arguments) throws Exception {
        Map<String, Object> properties = new TreeMap<>();
        for (int index = 2; index < arguments.length; index++) {
            int equals = arguments[index].indexOf('=');
            properties.put(arguments[index].substring(0, equals), arguments[index].substring(equals + 1));
        }
        String stop = arguments[1];
        new Mover(connections(settings(properties)), () -> false, step -> {
                    if (step.equals(stop)) {
                        System.out.println("reached " + step);
                        System.out.flush();
                        waitForEver();
                    }
                })
                .run(UUID.fromString(arguments[0]));
        System.out.println("ended");
    }

    static DatabaseSettings settings(Map<String, Object> properties) {
        return new Binder(new MapConfigurationPropertySource(properties))
                .bind("lectern.db", DatabaseSettings.class)
                .get();
    }

    static MoverConnections connections(DatabaseSettings settings) {
        return new MoverConnections(
                settings,
                server -> settings.servers().stream()
                        .filter(known -> known.name().equals(server))
                        .findFirst()
                        .orElseThrow()
                        .primary());
    }

    private static void waitForEver() {
        try {
            new CountDownLatch(1).await();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
