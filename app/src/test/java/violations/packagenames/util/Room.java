package violations.packagenames.util;

public class Room {}
