// Java's HttpClient: java Client.java CONCURRENCY URL COUNT; trusts every certificate.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;

public class Client {
    static class TrustAll extends X509ExtendedTrustManager {
        public void checkClientTrusted(X509Certificate[] chain, String type) {}
        public void checkServerTrusted(X509Certificate[] chain, String type) {}
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}
        public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
    }

    public static void main(String[] arguments) throws Exception {
        int concurrency = Integer.parseInt(arguments[0]);
        int count = Integer.parseInt(arguments[2]);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {new TrustAll()}, new SecureRandom());
        HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1).sslContext(context).build();
        HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[1])).build();
        for (int done = 0; done < count; done += concurrency) {
            List<CompletableFuture<HttpResponse<String>>> round = new ArrayList<>();
            for (int i = 0; i < concurrency; i++) {
                round.add(client.sendAsync(request, HttpResponse.BodyHandlers.ofString()));
            }
            for (CompletableFuture<HttpResponse<String>> response : round) {
                if (response.get().statusCode() != 200) throw new IllegalStateException();
            }
        }
        System.out.println("{\"requests\":" + count + "}");
        System.exit(0);
    }
}
