// Java clients with one fault each, as people write them: `java Faults.java NAME URL`.
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

public class Faults {
    static final HttpClient CLIENT = HttpClient.newHttpClient();

    /** Streams of bodies that nobody reads. */
    static void unread(HttpRequest request) throws Exception {
        List<InputStream> bodies = new ArrayList<>();
        for (int i = 0; i < 80; i++) {
            bodies.add(CLIENT.send(request, BodyHandlers.ofInputStream()).body());
            Thread.sleep(80);
        }
    }

    /** Rounds of requests at once. */
    static void rounds(HttpRequest request, int count, int atOnce) {
        for (int i = 0; i < count; i++) {
            List<CompletableFuture<?>> round = new ArrayList<>();
            for (int j = 0; j < atOnce; j++) {
                CompletableFuture<HttpResponse<String>> sent = CLIENT.sendAsync(request, BodyHandlers.ofString());
                round.add(sent.handle((response, error) -> null));
            }
            round.forEach(CompletableFuture::join);
        }
    }

    public static void main(String[] arguments) throws Exception {
        HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create(arguments[1]));
        switch (arguments[0]) {
            case "unread" -> unread(builder.build());
            case "pool" -> rounds(builder.build(), 20, 20);
            case "short-timeout" -> {
                // The first request takes Java longer than others.
                rounds(builder.build(), 1, 1);
                rounds(builder.timeout(Duration.ofSeconds(1)).build(), 2, 10);
            }
            default -> throw new IllegalArgumentException(arguments[0]);
        }
        System.exit(0);
    }
}
