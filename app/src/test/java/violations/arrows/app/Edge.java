package violations.arrows.app;

public class Edge {}
