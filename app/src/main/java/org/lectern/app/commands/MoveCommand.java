package org.lectern.app.commands;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.lectern.db.move.MoveState;
import org.lectern.db.move.ShardMove;
import org.lectern.db.move.ShardMoves;
import org.lectern.db.settings.DatabaseSettings;
import org.springframework.boot.Banner;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.ComponentScan;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Mono;

/**
 * Moves a logical shard from the command line and shows how far it is:
 *
 * <pre>
 * --move-shard=20 --to=1 --dry-run   what would move, or why it cannot; changes nothing
 * --move-shard=20 --to=1             moves it, until it has switched
 * --move-shard=20 --confirm          then: the rows at the old place are removed
 * --move-shard=20 --revert           or: back, with all that was written since
 * --move-shard=20 --abort            instead, before it has switched
 * </pre>
 *
 * <p>Everything else among the arguments is configuration, as for a node, and must name the same databases. The move is a row
 * in the directory: this process carries it out beside the nodes, and if it is ended in the middle, any of them goes on.
 * It migrates nothing. Exit codes: 0 as asked, 1 refused or ended otherwise, 2 not understood.
 */
final class MoveCommand {

    private static final String MOVE = "--move-shard=";
    private static final String TO = "--to=";
    private static final String DRY_RUN = "--dry-run";

    private static final String USAGE = "Usage: --move-shard=LOGICAL --to=PHYSICAL [--dry-run], or --move-shard=LOGICAL"
            + " with one of --confirm, --revert, --abort; then configuration as for a node";

    private static final int REFUSED = 1;
    private static final int NOT_UNDERSTOOD = 2;
    private static final Duration LOOK = Duration.ofMillis(300);
    private static final Duration ANSWER = Duration.ofMinutes(5);

    private final ShardMoves moves;
    private final IdGenerator ids;
    private final PrintWriter out;

    private MoveCommand(ShardMoves moves, IdGenerator ids, PrintWriter out) {
        this.moves = moves;
        this.ids = ids;
        this.out = out;
    }

    /** What is asked for. */
    sealed interface Order {
        int logical();

        /** To be moved, or only planned. */
        record Move(int logical, int target, boolean dryRun) implements Order {}

        /** Something about the move that is open. */
        record Ask(int logical, MoveState.Wish wish) implements Order {}
    }

    static boolean isAmong(List<String> arguments) {
        return arguments.stream().anyMatch(one -> one.startsWith(MOVE) || one.equals("--move-shard"));
    }

    /** Carries it out and returns the exit code. */
    static int run(List<String> arguments, PrintWriter out) {
        Order order = order(arguments).orElse(null);
        if (order == null) {
            out.println(USAGE);
            out.flush();
            return NOT_UNDERSTOOD;
        }
        try (ConfigurableApplicationContext plane = plane(order, configuration(arguments))) {
            return new MoveCommand(plane.getBean(ShardMoves.class), plane.getBean(IdGenerator.class), out)
                    .carryOut(order);
        } catch (RuntimeException failure) {
            Throwable cause = failure;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            out.println("It failed: " + (cause.getMessage() == null ? cause : cause.getMessage()));
            out.println(
                    "What had begun is carried on by any node; --move-shard=" + order.logical() + " --abort ends it.");
            out.flush();
            return REFUSED;
        }
    }

    /** Empty when the arguments do not say one thing clearly. */
    static Optional<Order> order(List<String> arguments) {
        @Nullable Integer logical = number(arguments, MOVE);
        @Nullable Integer target = number(arguments, TO);
        boolean dryRun = arguments.contains(DRY_RUN);
        List<MoveState.Wish> wishes = new ArrayList<>();
        for (MoveState.Wish wish : MoveState.Wish.values()) {
            if (arguments.contains(option(wish))) {
                wishes.add(wish);
            }
        }
        if (logical == null || (target == null ? wishes.size() != 1 || dryRun : !wishes.isEmpty())) {
            return Optional.empty();
        }
        return Optional.of(
                target == null ? new Order.Ask(logical, wishes.getFirst()) : new Order.Move(logical, target, dryRun));
    }

    private static List<String> configuration(List<String> arguments) {
        return arguments.stream()
                .filter(one -> !one.startsWith(MOVE) && !one.startsWith(TO) && !one.equals(DRY_RUN))
                .filter(one -> !List.of(
                                option(MoveState.Wish.CONFIRM),
                                option(MoveState.Wish.REVERT),
                                option(MoveState.Wish.ABORT))
                        .contains(one))
                .toList();
    }

    private static String option(MoveState.Wish wish) {
        return "--" + wish.name().toLowerCase(Locale.ROOT);
    }

    /** Null unless it is given once, as a number that a shard may have. */
    private static @Nullable Integer number(List<String> arguments, String option) {
        List<String> given =
                arguments.stream().filter(one -> one.startsWith(option)).toList();
        return given.size() == 1 && given.getFirst().substring(option.length()).matches("[0-9]{1,5}")
                ? Integer.valueOf(given.getFirst().substring(option.length()))
                : null;
    }

    /** The data plane alone, with the configuration of a node. */
    private static ConfigurableApplicationContext plane(Order order, List<String> configuration) {
        List<String> arguments = new ArrayList<>(configuration);
        boolean works = !(order instanceof Order.Move move && move.dryRun());
        arguments.add("--lectern.db.shard-mover=" + works);
        arguments.add("--lectern.db.migrate=false");
        arguments.add("--logging.level.root=warn");
        // Of the embedded services only the databases are of use here.
        arguments.add("--lectern.redis.address=redis://nobody");
        arguments.add("--spring.rabbitmq.host=nobody");
        return new SpringApplicationBuilder(Plane.class)
                .web(WebApplicationType.NONE)
                .bannerMode(Banner.Mode.OFF)
                .logStartupInfo(false)
                // A shard that this move is not about may be down.
                .lazyInitialization(true)
                .run(arguments.toArray(String[]::new));
    }

    private int carryOut(Order order) {
        return switch (order) {
            case Order.Move move -> move.dryRun() ? plan(move) : begin(move);
            case Order.Ask ask -> ask(ask);
        };
    }

    private int plan(Order.Move order) {
        ShardMoves.MovePlan plan = Objects.requireNonNull(
                moves.plan(order.logical(), order.target()).block(ANSWER));
        if (plan.refusal() != null) {
            return refused(plan.refusal());
        }
        plan.rows().entrySet().stream()
                .sorted(Comparator.comparing(java.util.Map.Entry::getKey))
                .forEach(table -> out.printf("%12d  %s%n", table.getValue(), table.getKey()));
        long rows = plan.rows().values().stream().mapToLong(Long::longValue).sum();
        return said("Logical shard " + plan.logicalShard() + " would move from shard " + plan.sourceShard()
                + " to shard " + plan.targetShard() + ": " + rows + " rows. Nothing was changed.");
    }

    private int begin(Order.Move order) {
        return switch (outcome(moves.begin(ids.generateId(), order.logical(), order.target(), operator()))) {
            case ShardMoves.Outcome.Refused refused -> refused(refused.reason());
            case ShardMoves.Outcome.Unknown unused -> refused("there is no such move");
            case ShardMoves.Outcome.Accepted accepted -> {
                said("Move " + accepted.move().id() + " has begun. It goes on without this command.");
                ShardMove reached = follow(accepted.move(), true);
                yield reached.state().equals(MoveState.SWITCHED.key())
                        ? said("Logical shard " + order.logical() + " is on shard " + order.target()
                                + "; its writers waited " + reached.pauseMillis() + " ms. Look at its courses, then"
                                + " --move-shard=" + order.logical() + " --confirm, or --revert.")
                        : refused("it ended as " + reached.state());
            }
        };
    }

    private int ask(Order.Ask order) {
        ShardMove open = moves.open(order.logical()).block(ANSWER);
        if (open == null) {
            return refused("no move of logical shard " + order.logical() + " is open");
        }
        return switch (outcome(moves.wish(open.id(), order.wish(), operator()))) {
            case ShardMoves.Outcome.Refused refused -> refused(refused.reason());
            case ShardMoves.Outcome.Unknown unused -> refused("there is no such move");
            case ShardMoves.Outcome.Accepted accepted -> {
                String end = follow(accepted.move(), false).state();
                MoveState wished = switch (order.wish()) {
                    case CONFIRM -> MoveState.DONE;
                    case REVERT -> MoveState.REVERTED;
                    case ABORT -> MoveState.ABORTED;
                };
                yield end.equals(wished.key()) ? said("The move is " + end + ".") : refused("it ended as " + end);
            }
        };
    }

    private static ShardMoves.Outcome outcome(Mono<ShardMoves.Outcome> asked) {
        return Objects.requireNonNull(asked.block(ANSWER));
    }

    /** Prints what has changed until there is nothing more to wait for; as long as that takes. */
    private ShardMove follow(ShardMove begun, boolean untilSwitched) {
        List<String> printed = new ArrayList<>(List.of(""));
        return Objects.requireNonNull(moves.find(begun.id())
                .repeatWhen(looks -> looks.delayElements(LOOK))
                .doOnNext(move -> {
                    String line = progress(move);
                    if (!line.equals(printed.set(0, line))) {
                        said(line);
                    }
                })
                .takeUntil(move -> move.finishedAt() != null
                        || (untilSwitched && move.state().equals(MoveState.SWITCHED.key())))
                .blockLast());
    }

    private static String progress(ShardMove move) {
        return String.format(
                Locale.ROOT,
                "%-12s %d of %d tables, %d rows copied, %d changes carried over%s",
                move.state(),
                move.tablesDone(),
                move.tablesTotal(),
                move.rowsCopied(),
                move.changesApplied(),
                move.failure() == null ? "" : "; tried again after: " + move.failure());
    }

    private int refused(String reason) {
        said("Refused: " + reason);
        return REFUSED;
    }

    private int said(String line) {
        out.println(line);
        out.flush();
        return 0;
    }

    /** As it stands with the move: the account that started the command. */
    private static String operator() {
        return "command line, " + System.getProperty("user.name", "unknown");
    }

    /** No component of its own, so that a node does not find it. */
    @ComponentScan({"org.lectern.db", "org.lectern.infra.ids"})
    @EnableConfigurationProperties(DatabaseSettings.class)
    static class Plane {

        @Bean
        MeterRegistry meters() {
            return new SimpleMeterRegistry();
        }
    }
}
