// The JDK's HttpClient: Pages PROXY URL ROUNDS COUNT CA HTTP; a client for each round; trusts every certificate.
import java.net.InetSocketAddress;
import java.net.ProxySelector;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;

public class Pages {
    static class TrustAll extends X509ExtendedTrustManager {
        public void checkClientTrusted(X509Certificate[] chain, String type) {}
        public void checkServerTrusted(X509Certificate[] chain, String type) {}
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}
        public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
    }

    static HttpClient client(String proxy, String http) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {new TrustAll()}, new SecureRandom());
        HttpClient.Builder builder = HttpClient.newBuilder().sslContext(context)
            .version(http.equals("2") ? HttpClient.Version.HTTP_2 : HttpClient.Version.HTTP_1_1);
        if (!proxy.equals("none")) {
            URI at = URI.create(proxy);
            builder.proxy(ProxySelector.of(new InetSocketAddress(at.getHost(), at.getPort())));
        }
        return builder.build();
    }

    public static void main(String[] arguments) throws Exception {
        int rounds = Integer.parseInt(arguments[2]);
        int count = Integer.parseInt(arguments[3]);
        for (int round = 0; round < rounds; round++) {
            HttpClient client = client(arguments[0], arguments[5]);
            for (int page = 0; page < count; page++) {
                HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[1] + "?" + page)).build();
                int status = client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode();
                if (status != 200) throw new IllegalStateException("status " + status);
            }
        }
        System.out.println("{\"requests\":" + rounds * count + "}");
        System.exit(0);
    }
}
