package violations.arrows.chat;

public class Room {}
