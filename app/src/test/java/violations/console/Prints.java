package violations.console;

public class Prints {
    public void print() {
        System.out.println("seen");
    }
}
