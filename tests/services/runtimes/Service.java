import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;

/** The JDK's own HTTP server with a hot function that can be planted: PLANTED rounds of work for each /orders. */
public class Service {
    static final int ROUNDS = Integer.parseInt(System.getenv().getOrDefault("PLANTED", "0"));

    static long surcharge(long seed) {
        long sum = seed;
        for (int n = 0; n < ROUNDS; n++) sum = (sum * 31 + n) % 1000003;
        return sum;
    }

    static long discount(long seed) {
        long sum = 0;
        for (int n = 0; n < 300_000; n++) sum = (sum + seed * n) % 9973;
        return sum;
    }

    static void answer(HttpExchange exchange, String body) throws IOException {
        byte[] bytes = body.getBytes();
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(200, bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }

    public static void main(String[] arguments) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 0);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.createContext("/health", exchange -> answer(exchange, "{}"));
        server.createContext("/customers", exchange -> answer(exchange, "[1, 2, 3]"));
        server.createContext("/orders", exchange -> {
            long price = discount(7) + (ROUNDS > 0 ? surcharge(7) : 0);
            answer(exchange, "{\"price\": " + price + "}");
        });
        server.start();
    }
}
