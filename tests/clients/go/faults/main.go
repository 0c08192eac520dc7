// Go clients with one fault each, as people write them: `faults FAULT URL`.
package main

import (
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

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

// A pool at its default of two idle connections for a host, and fifty workers.
func smallPool(url string) {
	workers(50, func() {
		for i := 0; i < 20; i++ {
			if response, err := http.Get(url); err == nil {
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
			time.Sleep(2 * time.Millisecond)
		}
	})
}

// A body that is never closed.
func openBody(url string) {
	for i := 0; i < 80; i++ {
		http.Get(url)
		time.Sleep(90 * time.Millisecond)
	}
}

// A timeout that is shorter than the server needs.
func shortTimeout(url string) {
	client := &http.Client{Timeout: 300 * time.Millisecond}
	workers(10, func() {
		for i := 0; i < 2; i++ {
			client.Get(url)
		}
	})
}

func main() {
	faults := map[string]func(string){
		"small-pool": smallPool, "open-body": openBody, "short-timeout": shortTimeout,
	}
	faults[os.Args[1]](os.Args[2])
}
