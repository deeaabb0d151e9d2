package org.lectern.app.edge;

import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Import;

/** The limits of the edge, for tests of other packages to import; not found by the scan of the application. */
@EnableConfigurationProperties(EdgeLimits.class)
@Import({RequestTimeLimit.class, SlowClientLimit.class})
public class EdgeLimitsConfiguration {}
