package org.lectern.infra.storage;

import jakarta.validation.Valid;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.NotNull;
import java.net.URI;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.regions.Region;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;
import org.springframework.validation.annotation.Validated;

/**
 * Where objects are kept.
 *
 * @param directory folder of the file storage, shared by all nodes (default: {@code storage} in
 *     {@code lectern.embedded.directory}, which is {@code .lectern})
 * @param s3 a bucket that objects are kept in, in the place of files; uploads on their way and working folders stay in the directory
 * @param replicas other regions that have a copy of what is played, by the region's name: each a folder or a bucket (default none)
 */
@Validated
@ConfigurationProperties("lectern.storage")
record StorageSettings(
        @Nullable Path directory,
        @Nullable @Valid S3 s3,
        @DefaultValue Map<Region, @Valid Replica> replicas) {

    StorageSettings {
        replicas = Map.copyOf(replicas);
        replicas.forEach((region, replica) -> {
            if ((replica.directory() == null) == (replica.s3() == null)) {
                throw new IllegalArgumentException(
                        "lectern.storage.replicas." + region.key() + " must have either a directory or a bucket (s3)");
            }
        });
    }

    /**
     * A region that has a copy.
     *
     * @param directory folder of its file storage
     * @param s3 its bucket
     * @param url how browsers of the region reach its web nodes, such as {@code https://eu.lectern.example}; media addresses begin
     *     with it once the copy is there (default: media comes from the node that was asked)
     */
    record Replica(
            @Nullable Path directory,
            @Nullable @Valid S3 s3,
            @Nullable URI url) {}

    /**
     * A bucket of a store that speaks S3.
     *
     * @param bucket its name; it must exist
     * @param prefix begins the keys of all objects in it (default none)
     * @param endpoint address of the store; Amazon's where it is missing
     * @param region the store's own name of its region (default us-east-1)
     * @param accessKey who Lectern is to the store; where it is missing, Amazon's usual places are looked at
     * @param secretKey the secret of that
     * @param pathStyle whether the bucket stands in the path, not in the host name, as most stores but Amazon's want it (default true)
     * @param partSize larger objects are sent in parts of this size, 5MB to 5GB (default 8MB)
     * @param connections how many connections to the store there may be (default 50)
     */
    record S3(
            @NotBlank String bucket,
            @DefaultValue("") String prefix,
            @Nullable URI endpoint,
            @DefaultValue("us-east-1") String region,
            @Nullable String accessKey,
            @Nullable String secretKey,
            @DefaultValue("true") boolean pathStyle,
            @NotNull @DefaultValue("8MB") DataSize partSize,
            @Min(1) @Max(1000) @DefaultValue("50") int connections) {

        @Override
        public String toString() {
            return "S3[bucket=" + bucket + ", endpoint=" + endpoint + "]";
        }
    }
}
