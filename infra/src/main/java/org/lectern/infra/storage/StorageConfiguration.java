package org.lectern.infra.storage;

import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.util.EnumMap;
import java.util.Map;
import org.lectern.infra.regions.Region;
import org.lectern.infra.regions.RegionSettings;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.util.IdGenerator;

/** The storages that the settings ask for: files, or buckets of a store that speaks S3. */
@Configuration(proxyBeanMethods = false)
class StorageConfiguration {

    @Bean
    StorageFolder storageFolder(StorageSettings settings, Environment environment) {
        Path configured = settings.directory();
        return new StorageFolder(
                configured != null
                        ? configured
                        : Path.of(environment.getProperty("lectern.embedded.directory", ".lectern"), "storage"));
    }

    @Bean
    ObjectStorage objectStorage(StorageSettings settings, StorageFolder folder, IdGenerator ids, Clock clock) {
        StorageSettings.S3 bucket = settings.s3();
        return bucket == null ? new FileStorage(folder.objects(), ids) : new S3Storage(bucket, clock);
    }

    @Bean
    RegionalStorage regionalStorage(
            StorageSettings settings, RegionSettings regions, ObjectStorage home, IdGenerator ids, Clock clock) {
        Map<Region, ObjectStorage> replicas = new EnumMap<>(Region.class);
        Map<Region, URI> urls = new EnumMap<>(Region.class);
        settings.replicas().forEach((region, replica) -> {
            Path directory = replica.directory();
            StorageSettings.S3 bucket = replica.s3();
            if (directory != null) {
                replicas.put(region, new FileStorage(new StorageFolder(directory).objects(), ids));
            } else if (bucket != null) {
                replicas.put(region, new S3Storage(bucket, clock));
            }
            URI url = replica.url();
            if (url != null) {
                urls.put(region, url);
            }
        });
        return new RegionalStorage(regions.home(), home, replicas, urls);
    }
}
