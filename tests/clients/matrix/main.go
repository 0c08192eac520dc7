// Go's net/http: main PROXY URL ROUNDS COUNT CA HTTP; a transport for each round. HTTP 2 is Go's default, 1.1 a tuned transport.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strconv"
	"time"
)

type count struct {
	Requests    int     `json:"requests"`
	Connections int     `json:"connections"`
	TtfbNs      []int64 `json:"ttfb_ns"`
}

var done count

func transport(proxy, ca, version string) *http.Transport {
	pem, err := os.ReadFile(ca)
	check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: pool}
	t.Proxy = nil
	if proxy != "none" {
		at, err := url.Parse(proxy)
		check(err)
		t.Proxy = http.ProxyURL(at)
	}
	if version != "2" {
		t.ForceAttemptHTTP2 = false
		t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		t.MaxIdleConnsPerHost = 100
	}
	return t
}

func get(client *http.Client, url string) {
	request, err := http.NewRequest("GET", url, nil)
	check(err)
	var start time.Time
	trace := &httptrace.ClientTrace{
		WroteRequest:         func(httptrace.WroteRequestInfo) { start = time.Now() },
		GotFirstResponseByte: func() { done.TtfbNs = append(done.TtfbNs, int64(time.Since(start))) },
		GotConn: func(got httptrace.GotConnInfo) {
			if !got.Reused {
				done.Connections++
			}
		},
	}
	response, err := client.Do(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
	check(err)
	_, err = io.Copy(io.Discard, response.Body)
	check(err)
	response.Body.Close()
	done.Requests++
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	proxy, url, ca, version := os.Args[1], os.Args[2], os.Args[5], os.Args[6]
	rounds, err := strconv.Atoi(os.Args[3])
	check(err)
	pages, err := strconv.Atoi(os.Args[4])
	check(err)
	if len(proxy) > 8 && proxy[:8] == "socks5h:" {
		proxy = "socks5:" + proxy[8:]
	}
	for i := 0; i < rounds; i++ {
		t := transport(proxy, ca, version)
		for page := 0; page < pages; page++ {
			get(&http.Client{Transport: t}, fmt.Sprintf("%s?%d", url, page))
		}
		t.CloseIdleConnections()
	}
	check(json.NewEncoder(os.Stdout).Encode(done))
}
