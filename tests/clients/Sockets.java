// JSSE below HTTP: java Sockets MODE PORT COUNT CA. MODE is closes (a request on a socket of its own, which the client closes) or
// refuses (the client trusts nobody and gives the handshake up).
import java.io.FileInputStream;
import java.io.InputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

public class Sockets {
    static SSLContext context(String ca) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        CertificateFactory certificates = CertificateFactory.getInstance("X.509");
        store.setCertificateEntry("ca", certificates.generateCertificate(new FileInputStream(ca)));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    static void ask(SSLSocket socket) throws Exception {
        socket.getOutputStream().write("GET /1500 HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes());
        InputStream input = socket.getInputStream();
        byte[] buffer = new byte[65536];
        int got = 0;
        while (got < 1500) {
            int length = input.read(buffer);
            if (length < 0) throw new IllegalStateException("the page ended after " + got);
            got += length;
        }
    }

    public static void main(String[] arguments) throws Exception {
        boolean refuses = arguments[0].equals("refuses");
        int port = Integer.parseInt(arguments[1]);
        int count = Integer.parseInt(arguments[2]);
        SSLContext context = refuses ? SSLContext.getDefault() : context(arguments[3]);
        for (int done = 0; done < count; done++) {
            try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", port)) {
                ask(socket);
                if (refuses) throw new IllegalStateException("trusted");
            } catch (SSLHandshakeException error) {
                if (!refuses) throw error;
            }
        }
        System.out.println("{\"requests\":" + (refuses ? 0 : count) + "}");
    }
}
