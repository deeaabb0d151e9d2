package violations.nullness;

public class Unmarked {}
