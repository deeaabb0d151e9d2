package org.lectern.app.ops;

import java.security.Principal;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.move.MoveState.Wish;
import org.lectern.db.move.ShardMove;
import org.lectern.db.move.ShardMoves;
import org.lectern.infra.listing.Listing;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.http.HttpStatus;
import org.springframework.util.IdGenerator;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/**
 * Moves of logical shards from one database to another, for operators: who may call this is decided for all of
 * {@code /api/ops}. Who asked for what is kept with each move.
 */
@RestController
@RequestMapping("/api/ops/shards/moves")
@ConditionalOnRole(NodeRole.WEB)
class ShardMovesController {

    private final ShardMoves moves;
    private final IdGenerator ids;

    ShardMovesController(ShardMoves moves, IdGenerator ids) {
        this.moves = moves;
        this.ids = ids;
    }

    /**
     * What is to move.
     *
     * @param logicalShard which logical shard
     * @param targetShard number of the physical shard that is to hold it
     */
    record Wanted(@Nullable Integer logicalShard, @Nullable Integer targetShard) {

        int logical() {
            return given(logicalShard, "logical_shard");
        }

        int target() {
            return given(targetShard, "target_shard");
        }

        private static int given(@Nullable Integer number, String name) {
            if (number == null || number < 0) {
                throw new ProblemException(ProblemType.INVALID_REQUEST, name + " must be a number from 0");
            }
            return number;
        }
    }

    /**
     * Moves, newest first.
     *
     * @param before only those asked for before this one
     * @param limit 1 to 200
     */
    @GetMapping
    Mono<Listing<ShardMove>> list(
            @RequestParam(required = false) @Nullable UUID before, @RequestParam(defaultValue = "50") int limit) {
        if (limit < 1 || limit > Listing.MAX_LIMIT) {
            throw new ProblemException(ProblemType.INVALID_REQUEST, "limit must be 1 to " + Listing.MAX_LIMIT);
        }
        return moves.list(before, limit)
                .collectList()
                .map(found -> new Listing<>(
                        found,
                        found.size() < limit ? null : found.getLast().id().toString()));
    }

    /** One move and how far it has come. */
    @GetMapping("/{id}")
    Mono<ShardMove> find(@PathVariable UUID id) {
        return moves.find(id).switchIfEmpty(Mono.error(ShardMovesController::unknown));
    }

    /** Who asked what of a move, oldest first. */
    @GetMapping("/{id}/requests")
    Mono<Listing<ShardMoves.Request>> requests(@PathVariable UUID id) {
        return moves.requests(id)
                .collectList()
                .filter(found -> !found.isEmpty())
                .map(found -> new Listing<>(List.copyOf(found), null))
                .switchIfEmpty(Mono.error(ShardMovesController::unknown));
    }

    /** Says what a move would do, and changes nothing. */
    @PostMapping("/plan")
    Mono<ShardMoves.MovePlan> plan(@RequestBody Wanted wanted) {
        return moves.plan(wanted.logical(), wanted.target());
    }

    /** Begins a move; it goes on by itself until it has switched, and then waits to be confirmed or reverted. */
    @PostMapping
    @ResponseStatus(HttpStatus.ACCEPTED)
    Mono<ShardMove> begin(@RequestBody Wanted wanted, Principal operator) {
        return moves.begin(ids.generateId(), wanted.logical(), wanted.target(), operator.getName())
                .flatMap(ShardMovesController::accepted);
    }

    /** Ends a move that has not switched; everything stays where it is. */
    @PostMapping("/{id}/abort")
    Mono<ShardMove> abort(@PathVariable UUID id, Principal operator) {
        return wish(id, Wish.ABORT, operator);
    }

    /** Ends a move that has switched: the rows at the old place are removed, and with them the way back. */
    @PostMapping("/{id}/confirm")
    Mono<ShardMove> confirm(@PathVariable UUID id, Principal operator) {
        return wish(id, Wish.CONFIRM, operator);
    }

    /** Moves back what has switched and is not confirmed, with all that was written since. */
    @PostMapping("/{id}/revert")
    Mono<ShardMove> revert(@PathVariable UUID id, Principal operator) {
        return wish(id, Wish.REVERT, operator);
    }

    private Mono<ShardMove> wish(UUID id, Wish wish, Principal operator) {
        return moves.wish(id, wish, operator.getName()).flatMap(ShardMovesController::accepted);
    }

    private static Mono<ShardMove> accepted(ShardMoves.Outcome outcome) {
        return switch (outcome) {
            case ShardMoves.Outcome.Accepted accepted -> Mono.just(accepted.move());
            case ShardMoves.Outcome.Refused refused ->
                Mono.error(new ProblemException(ProblemType.CONFLICT, refused.reason()));
            case ShardMoves.Outcome.Unknown unused -> Mono.error(unknown());
        };
    }

    private static ProblemException unknown() {
        return new ProblemException(ProblemType.NOT_FOUND, "There is no such move");
    }
}
