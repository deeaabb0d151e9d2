package violations.names;

public class RoomImpl {}
