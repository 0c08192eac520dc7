// A server for the end-to-end tests: counts connections, handshakes and requests
// by itself and prints the count as JSON on SIGTERM.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

type count struct {
	Connections int64 `json:"connections"`
	Used        int64 `json:"used"`
	Requests    int64 `json:"requests"`
	Full        int64 `json:"full"`
	Resumed     int64 `json:"resumed"`
	Failed      int64 `json:"failed"`
}

var (
	listen     = flag.String("listen", "", "addresses, separated by commas")
	version    = flag.String("tls", "", "TLS version; empty is plain HTTP")
	cert       = flag.String("cert", "", "certificate file")
	key        = flag.String("key", "", "key file")
	clientCert = flag.Bool("client-cert", false, "demand a certificate from the client, signed by -cert")
	noTickets  = flag.Bool("no-tickets", false, "no session tickets")
	closeEach  = flag.Bool("close", false, "Connection: close on each response")
	delay      = flag.Duration("delay", 0, "wait before each response")
	idle       = flag.Duration("idle", 0, "close connections idle for so long")
	seen       count
)

// handshaken is a listener of connections whose handshake is done and counted.
type handshaken struct {
	net.Listener
	config *tls.Config
	ready  chan net.Conn
}

func (h *handshaken) serve() {
	for {
		raw, err := h.Listener.Accept()
		if err != nil {
			return
		}
		atomic.AddInt64(&seen.Connections, 1)
		if h.config == nil {
			h.ready <- raw
			continue
		}
		go h.shake(raw)
	}
}

func (h *handshaken) shake(raw net.Conn) {
	conn := tls.Server(raw, h.config)
	if err := conn.Handshake(); err != nil {
		atomic.AddInt64(&seen.Failed, 1)
		conn.Close()
		return
	}
	if conn.ConnectionState().DidResume {
		atomic.AddInt64(&seen.Resumed, 1)
	} else {
		atomic.AddInt64(&seen.Full, 1)
	}
	h.ready <- conn
}

func (h *handshaken) Accept() (net.Conn, error) {
	return <-h.ready, nil
}

func config() *tls.Config {
	if *version == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(*cert, *key)
	check(err)
	c := &tls.Config{Certificates: []tls.Certificate{pair}, SessionTicketsDisabled: *noTickets}
	number := map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}[*version]
	c.MinVersion, c.MaxVersion = number, number
	if *clientCert {
		pem, err := os.ReadFile(*cert)
		check(err)
		c.ClientCAs = x509.NewCertPool()
		c.ClientCAs.AppendCertsFromPEM(pem)
		c.ClientAuth = tls.RequireAnyClientCert
	}
	return c
}

// carrier marks a connection once it has carried a request.
type carrier struct{}

func page(w http.ResponseWriter, r *http.Request) {
	atomic.AddInt64(&seen.Requests, 1)
	if atomic.SwapInt64(r.Context().Value(carrier{}).(*int64), 1) == 0 {
		atomic.AddInt64(&seen.Used, 1)
	}
	io.Copy(io.Discard, r.Body)
	time.Sleep(*delay)
	if *closeEach {
		w.Header().Set("Connection", "close")
	}
	switch r.URL.Path {
	case "/empty":
		w.WriteHeader(http.StatusNoContent)
	case "/slow":
		slow(w)
	case "/tail":
		tail(w)
	case "/abort":
		panic(http.ErrAbortHandler) // closes the connection
	default:
		w.Write([]byte("<title>a page</title>\n"))
	}
}

// tail sends all there is, and that it was all only 50 ms later: an empty chunk in a record of its own.
func tail(w http.ResponseWriter) {
	w.Write([]byte("all there is"))
	w.(http.Flusher).Flush()
	time.Sleep(50 * time.Millisecond)
}

// slow sends six chunks, 20 ms apart.
func slow(w http.ResponseWriter) {
	for i := 0; i < 6; i++ {
		if i > 0 {
			time.Sleep(20 * time.Millisecond)
		}
		w.Write(make([]byte, 1000))
		w.(http.Flusher).Flush()
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	flag.Parse()
	c := config()
	server := &http.Server{Handler: http.HandlerFunc(page), IdleTimeout: *idle, ErrorLog: log.New(os.Stderr, "", 0)}
	server.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, carrier{}, new(int64))
	}
	for _, address := range strings.Split(*listen, ",") {
		l, err := net.Listen("tcp", address)
		if err != nil && strings.HasPrefix(address, "[") {
			continue // a machine without IPv6
		}
		check(err)
		h := &handshaken{l, c, make(chan net.Conn)}
		go h.serve()
		go server.Serve(h)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
	check(json.NewEncoder(os.Stdout).Encode(seen))
}
