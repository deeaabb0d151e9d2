package org.lectern.chat;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import java.time.Duration;
import java.util.List;
import org.hibernate.validator.constraints.time.DurationMin;
import org.lectern.chat.room.ShardRules;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * Chat.
 *
 * @param origins origins, beside the server's own, whose pages may open sockets, such as {@code https://lms.example}
 * @param ticketLifetime how long a ticket can be used (default 30s)
 * @param shardSeats the most sockets of one shard of a room (default 1000)
 * @param shardGrowAt a room grows by a shard when one has more sockets than this (default 800)
 * @param shardCeiling the most shards of a room (default 10)
 * @param queueLimit the most messages of a room that wait for a commit on one node (default 12000)
 * @param deleteQueueLimit how many may wait so that a deletion is still taken (default 22000)
 * @param batchLimit the most messages in one commit (default 1000)
 * @param hotEntries the most entries of a room kept in memory for those who resume (default 1000)
 * @param socketLimitBytes what may wait for one socket, in bytes; past it the socket is closed with 4008 (default
 *     1048576)
 * @param perPersonRate messages per second of one person in one room (default 20)
 * @param perPersonBurst messages of one person that may come at once (default 100)
 * @param perRoomRate messages per second into one room, on one node (default 2000)
 * @param perPersonSockets sockets of one person in one room, on one node, at the same time (default 20)
 * @param reorderWindow how long a receiver waits for what was overtaken before it reads the gap from the database
 *     (default 100ms)
 * @param repairInterval how often a node compares the heads of its rooms with the database (default 1s)
 * @param pingInterval how often a socket is pinged (default 25s)
 * @param idleTimeout a socket of which nothing was heard for so long is closed (default 75s)
 * @param editWindow how long people may edit what they said; 0s for always (default 24h)
 * @param streamLimit the most event streams (the fallback for sockets) on one node (default 2000)
 * @param drainSpread over how long clients are spread when a node stops (default 5s)
 */
@Validated
@ConfigurationProperties("lectern.chat")
public record ChatSettings(
        @NotNull @DefaultValue({}) List<String> origins,

        @NotNull @DurationMin(millis = 1) @DefaultValue("30s")
        Duration ticketLifetime,

        @Min(1) @DefaultValue("1000") int shardSeats,
        @Min(0) @DefaultValue("800") int shardGrowAt,
        @Min(1) @Max(1000) @DefaultValue("10") int shardCeiling,
        @Min(1) @DefaultValue("12000") int queueLimit,
        @Min(1) @DefaultValue("22000") int deleteQueueLimit,
        @Min(1) @Max(5000) @DefaultValue("1000") int batchLimit,
        @Min(1) @DefaultValue("1000") int hotEntries,
        @Min(1024) @DefaultValue("1048576") int socketLimitBytes,
        @Min(1) @DefaultValue("20") int perPersonRate,
        @Min(1) @DefaultValue("100") int perPersonBurst,
        @Min(1) @DefaultValue("2000") int perRoomRate,
        @Min(1) @DefaultValue("20") int perPersonSockets,

        @NotNull @DurationMin(millis = 1) @DefaultValue("100ms")
        Duration reorderWindow,

        @NotNull @DurationMin(millis = 10) @DefaultValue("1s")
        Duration repairInterval,

        @NotNull @DurationMin(millis = 10) @DefaultValue("25s")
        Duration pingInterval,

        @NotNull @DurationMin(millis = 10) @DefaultValue("75s")
        Duration idleTimeout,

        @NotNull @DurationMin(nanos = 0) @DefaultValue("24h")
        Duration editWindow,

        @Min(0) @DefaultValue("2000") int streamLimit,
        @NotNull @DefaultValue("5s") Duration drainSpread) {

    /** Copies the origins. */
    public ChatSettings {
        origins = List.copyOf(origins);
    }

    /** How a room spreads its sockets. */
    public ShardRules shardRules() {
        return new ShardRules(shardSeats, shardGrowAt, shardCeiling);
    }
}
