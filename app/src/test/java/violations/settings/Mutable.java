package violations.settings;

import org.springframework.boot.context.properties.ConfigurationProperties;

@ConfigurationProperties("violation")
public class Mutable {}
