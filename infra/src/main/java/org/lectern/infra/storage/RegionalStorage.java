package org.lectern.infra.storage;

import java.net.URI;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.lectern.infra.regions.Region;
import reactor.core.publisher.Flux;

/**
 * The storages of all regions. What is made is stored in the home region, where it is available at once; the others get copies.
 * Thread-safe.
 */
public final class RegionalStorage {

    private final Region home;
    private final ObjectStorage homeStorage;
    private final Map<Region, ObjectStorage> replicas;
    private final Map<Region, URI> urls;

    RegionalStorage(
            Region home, ObjectStorage homeStorage, Map<Region, ObjectStorage> replicas, Map<Region, URI> urls) {
        if (replicas.containsKey(home)) {
            throw new IllegalArgumentException("The home region " + home.key() + " is among lectern.storage.replicas");
        }
        this.home = home;
        this.homeStorage = homeStorage;
        this.replicas = Map.copyOf(replicas);
        this.urls = Map.copyOf(urls);
    }

    /** Where everything is stored first. */
    public Region home() {
        return home;
    }

    /** The regions that get copies. */
    public Set<Region> replicas() {
        return replicas.keySet();
    }

    /** The storages of all regions, home first. */
    public Flux<ObjectStorage> all() {
        return Flux.fromIterable(replicas.values()).startWith(homeStorage);
    }

    /** A region's storage; that of the home region where the region has none. */
    public ObjectStorage in(Region region) {
        return replicas.getOrDefault(region, homeStorage);
    }

    /** How browsers of a region reach its copy, where that is another address than the one they have. */
    public Optional<URI> url(Region region) {
        return Optional.ofNullable(urls.get(region));
    }
}
