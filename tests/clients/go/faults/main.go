// Go clients with one fault each, as people write them, and without it: `faults NAME URL [VALUE]`.
package main

import (
	"crypto/tls"
	"io"
	"math/rand"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Third argument, as a number.
func value() int {
	number, err := strconv.Atoi(os.Args[3])
	if err != nil {
		panic(err)
	}
	return number
}

// Third argument, as a time such as "1.2 s".
func duration() time.Duration {
	number, err := time.ParseDuration(strings.ReplaceAll(os.Args[3], " ", ""))
	if err != nil {
		panic(err)
	}
	return number
}

func workers(count int, work func()) {
	var group sync.WaitGroup
	for i := 0; i < count; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			work()
		}()
	}
	group.Wait()
}

func get(client *http.Client, url string) {
	if response, err := client.Get(url); err == nil {
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
}

func transport() *http.Transport {
	return http.DefaultTransport.(*http.Transport).Clone()
}

func fiftyWorkers(client *http.Client, url string) {
	workers(50, func() {
		for i := 0; i < 20; i++ {
			get(client, url)
			time.Sleep(2 * time.Millisecond)
		}
	})
}

// A pool at its default of two idle connections for a host, and fifty workers.
func smallPool(url string) {
	fiftyWorkers(http.DefaultClient, url)
}

// The same with VALUE idle connections for a host.
func largePool(url string) {
	t := transport()
	t.MaxIdleConnsPerHost = value()
	fiftyWorkers(&http.Client{Transport: t}, url)
}

// A body that is never closed.
func openBody(url string) {
	for i := 0; i < 80; i++ {
		http.Get(url)
		time.Sleep(60 * time.Millisecond)
	}
}

// The same with bodies that are read and closed.
func closedBody(url string) {
	for i := 0; i < 80; i++ {
		get(http.DefaultClient, url)
	}
}

func tenWorkers(client *http.Client, url string) {
	workers(10, func() {
		for i := 0; i < 2; i++ {
			get(client, url)
		}
	})
}

// A timeout that is shorter than the server needs.
func shortTimeout(url string) {
	tenWorkers(&http.Client{Timeout: 300 * time.Millisecond}, url)
}

// The same with VALUE until the head of the response.
func longTimeout(url string) {
	t := transport()
	t.ResponseHeaderTimeout = duration()
	tenWorkers(&http.Client{Transport: t}, url)
}

// A client for each article of three pages, by three workers; VALUE is the number of articles of each.
func articles(url string, tlsOf func() *tls.Config) {
	workers(3, func() {
		for i := 0; i < value(); i++ {
			article(url, tlsOf())
		}
	})
}

func article(url string, config *tls.Config) {
	t := transport()
	t.TLSClientConfig = config
	client := &http.Client{Transport: t}
	for page := 0; page < 3; page++ {
		get(client, url)
	}
	client.CloseIdleConnections()
}

func threeWorkers(url string) {
	articles(url, func() *tls.Config { return nil })
}

// The same by one worker, in clear.
func oneWorker(url string) {
	for i := 0; i < value(); i++ {
		article(url, nil)
	}
}

// The same with sessions of TLS that all clients share.
func sharedSessions(url string) {
	cache := tls.NewLRUClientSessionCache(64)
	articles(url, func() *tls.Config { return &tls.Config{ClientSessionCache: cache} })
}

// Pauses about as long as the server keeps connections; VALUE is how long the client does.
func pauses(url string) {
	workers(20, func() {
		t := transport()
		t.IdleConnTimeout = duration()
		client := &http.Client{Transport: t}
		for i := 0; i < 6; i++ {
			for page := 0; page < 3; page++ {
				get(client, url)
			}
			time.Sleep(time.Duration(270+rand.Intn(40)) * time.Millisecond)
		}
	})
}

// Twenty-four workers behind the proxy VALUE, with one client.
func tunnels(page string, keep bool) {
	proxy, err := url.Parse(os.Args[3])
	if err != nil {
		panic(err)
	}
	t := transport()
	t.Proxy = http.ProxyURL(proxy)
	t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	t.DisableKeepAlives = !keep
	t.MaxIdleConnsPerHost, t.MaxConnsPerHost = 24, 24
	client := &http.Client{Transport: t}
	workers(24, func() {
		for i := 0; i < 3; i++ {
			get(client, page)
		}
	})
}

// A tunnel for each request.
func newTunnels(url string) {
	tunnels(url, false)
}

// The same with keep-alive.
func keptTunnels(url string) {
	tunnels(url, true)
}

func main() {
	clients := map[string]func(string){
		"small-pool": smallPool, "large-pool": largePool,
		"open-body": openBody, "closed-body": closedBody,
		"short-timeout": shortTimeout, "long-timeout": longTimeout,
		"one-worker": oneWorker, "three-workers": threeWorkers, "shared-sessions": sharedSessions,
		"pauses": pauses, "new-tunnels": newTunnels, "kept-tunnels": keptTunnels,
	}
	clients[os.Args[1]](os.Args[2])
}
