// Go's net/http: main MODE URL COUNT CONCURRENCY CA
//
// MODE is default (http.DefaultTransport's limits), tuned (an idle pool as large as the
// concurrency), fresh (no keep-alive), resume (no keep-alive, with a session cache),
// held (like tuned, but slow: for attach), or certificate (fresh, with a client certificate:
// CERTIFICATE and KEY in the environment).
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type count struct {
	Requests    int64   `json:"requests"`
	Connections int64   `json:"connections"`
	Full        int64   `json:"full"`
	Resumed     int64   `json:"resumed"`
	TtfbNs      []int64 `json:"ttfb_ns"`
}

var done count

func transport(mode, ca string, concurrency int) *http.Transport {
	pem, err := os.ReadFile(ca)
	check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: pool}
	if log := os.Getenv("SSLKEYLOGFILE"); log != "" {
		t.TLSClientConfig.KeyLogWriter, err = os.Create(log)
		check(err)
	}
	t.ForceAttemptHTTP2 = mode == "http2"
	if mode != "http2" {
		t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	t.DisableKeepAlives = mode == "fresh" || mode == "resume" || mode == "certificate"
	if mode == "resume" {
		t.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(16)
	}
	if mode == "tuned" || mode == "held" {
		t.MaxIdleConnsPerHost = concurrency
		t.MaxConnsPerHost = concurrency
	}
	if mode == "certificate" {
		pair, err := tls.LoadX509KeyPair(os.Getenv("CERTIFICATE"), os.Getenv("KEY"))
		check(err)
		t.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	return t
}

var trace = &httptrace.ClientTrace{
	ConnectDone: func(network, address string, err error) {
		if err == nil {
			atomic.AddInt64(&done.Connections, 1)
		}
	},
	TLSHandshakeDone: func(state tls.ConnectionState, err error) {
		if err == nil && state.DidResume {
			atomic.AddInt64(&done.Resumed, 1)
		} else if err == nil {
			atomic.AddInt64(&done.Full, 1)
		}
	},
}

var timesLock sync.Mutex

// timed is trace, and the time from a request written to the first byte of its response.
func timed() *httptrace.ClientTrace {
	t := *trace
	var start time.Time
	t.WroteRequest = func(httptrace.WroteRequestInfo) { start = time.Now() }
	t.GotFirstResponseByte = func() {
		timesLock.Lock()
		defer timesLock.Unlock()
		done.TtfbNs = append(done.TtfbNs, int64(time.Since(start)))
	}
	return &t
}

// get sends a request and reads its response, which it leaves in its connection until the others of answered have theirs.
func get(client *http.Client, url string, answered *sync.WaitGroup) {
	request, err := http.NewRequest("GET", url, nil)
	check(err)
	response, err := client.Do(request.WithContext(httptrace.WithClientTrace(request.Context(), timed())))
	check(err)
	if answered != nil {
		answered.Done()
		answered.Wait()
	}
	_, err = io.Copy(io.Discard, response.Body)
	check(err)
	response.Body.Close()
	atomic.AddInt64(&done.Requests, 1)
}

// round sends one request from each of n goroutines and waits for all. With each, every request has a connection to itself: none is
// idle again before all are answered.
func round(client *http.Client, url string, n int, each bool) {
	var wait sync.WaitGroup
	var answered *sync.WaitGroup
	if each {
		answered = &sync.WaitGroup{}
		answered.Add(n)
	}
	for i := 0; i < n; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			get(client, url, answered)
		}()
	}
	wait.Wait()
}

// held opens its connections, then waits for signals: USR1 is a round on the open connections,
// USR2 one which opens them all anew, TERM the end. After each it prints its count.
func held(t *http.Transport, url string, n int) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTERM)
	for {
		round(&http.Client{Transport: t}, url, n, true)
		print_()
		switch <-signals {
		case syscall.SIGUSR2:
			t.CloseIdleConnections()
		case syscall.SIGTERM:
			return
		}
	}
}

func print_() {
	check(json.NewEncoder(os.Stdout).Encode(done))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	mode, url, ca := os.Args[1], os.Args[2], os.Args[5]
	total, err := strconv.Atoi(os.Args[3])
	check(err)
	concurrency, err := strconv.Atoi(os.Args[4])
	check(err)
	t := transport(mode, ca, concurrency)
	if mode == "held" {
		held(t, url, concurrency)
		return
	}
	client := &http.Client{Transport: t}
	for left := total; left > 0; left -= concurrency {
		round(client, url, concurrency, false)
	}
	t.CloseIdleConnections()
	print_()
}
