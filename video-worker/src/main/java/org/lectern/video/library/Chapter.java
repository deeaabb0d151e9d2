package org.lectern.video.library;

import jakarta.validation.constraints.DecimalMin;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;

/**
 * Where a part of a video begins.
 *
 * @param start seconds from the beginning
 * @param title for people
 */
public record Chapter(
        @NotNull @DecimalMin("0") Double start,
        @NotBlank @Size(max = 200) String title) {}
