// The same work in Go: net/http with a tuned transport. The fourth argument says how links are found: `scan` looks for the text href=" alone, which
// is no parser and finds what stands in comments and scripts too; `parser`, with the build tag xnethtml, reads tags.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sort"
	"strconv"
	"sync"
	"syscall"
	"time"
)

var links func(*url.URL, []byte) []*url.URL

type shared struct {
	mutex    sync.Mutex
	wake     *sync.Cond
	queue    []*url.URL
	seen     map[string]struct{}
	underWay int
	pages    int
	links    int
	times    []int64
}

// How links are found, by name.
var finders = map[string]func(*url.URL, []byte) []*url.URL{"scan": scanned}

func scanned(page *url.URL, body []byte) []*url.URL {
	var found []*url.URL
	for {
		at := bytes.Index(body, []byte(`href="`))
		if at < 0 {
			return found
		}
		body = body[at+6:]
		end := bytes.IndexByte(body, '"')
		if end < 0 {
			return found
		}
		if link, err := url.Parse(string(body[:end])); err == nil {
			found = append(found, page.ResolveReference(link))
		}
		body = body[end:]
	}
}

func fetch(client *http.Client, page *url.URL, buffer *bytes.Buffer) []*url.URL {
	request := &http.Request{Method: "GET", URL: page, Header: http.Header{"User-Agent": {"peers"}}}
	response, err := client.Do(request)
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	buffer.Reset()
	if _, err := io.Copy(buffer, response.Body); err != nil {
		return nil
	}
	return links(page, buffer.Bytes())
}

func (s *shared) work(client *http.Client, host string, done *sync.WaitGroup) {
	defer done.Done()
	var buffer bytes.Buffer
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for {
		for len(s.queue) == 0 {
			if s.underWay == 0 {
				s.wake.Broadcast()
				return
			}
			s.wake.Wait()
		}
		page := s.queue[0]
		s.queue = s.queue[1:]
		s.underWay++
		s.mutex.Unlock()
		begun := time.Now()
		found := fetch(client, page, &buffer)
		took := time.Since(begun).Nanoseconds()
		s.mutex.Lock()
		s.underWay--
		s.pages++
		s.links += len(found)
		s.times = append(s.times, took)
		for _, link := range found {
			link.Fragment = ""
			text := link.String()
			if _, known := s.seen[text]; !known && link.Hostname() == host {
				s.seen[text] = struct{}{}
				s.queue = append(s.queue, link)
				s.wake.Signal()
			}
		}
	}
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}

func main() {
	concurrency, err := strconv.Atoi(os.Args[3])
	if err != nil {
		panic(err)
	}
	finder := "scan"
	if len(os.Args) > 4 {
		finder = os.Args[4]
	}
	if links = finders[finder]; links == nil {
		panic("not built with " + finder)
	}
	first, err := url.Parse(os.Args[1])
	if err != nil {
		panic(err)
	}
	begun := time.Now()
	transport := &http.Transport{
		MaxIdleConns: concurrency, MaxIdleConnsPerHost: concurrency, MaxConnsPerHost: concurrency,
		IdleConnTimeout: 30 * time.Second, DisableCompression: true,
	}
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	s := &shared{queue: []*url.URL{first}, seen: map[string]struct{}{first.String(): {}}}
	s.wake = sync.NewCond(&s.mutex)
	var done sync.WaitGroup
	for i := 0; i < concurrency; i++ {
		done.Add(1)
		go s.work(client, first.Hostname(), &done)
	}
	done.Wait()
	seconds := time.Since(begun).Seconds()
	sort.Slice(s.times, func(i, j int) bool { return s.times[i] < s.times[j] })
	quantile := func(q float64) int64 { return s.times[int(q*float64(len(s.times)-1))] }
	line, _ := json.Marshal(map[string]any{
		"pages": s.pages, "links": s.links, "seconds": seconds, "cpu_seconds": cpuSeconds(),
		"p50_ns": quantile(0.5), "p99_ns": quantile(0.99),
	})
	fmt.Println(string(line))
}
