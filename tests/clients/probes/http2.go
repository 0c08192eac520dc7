// Requests over HTTP/2 by net/http: http2 URL COUNT AT_ONCE. The first one makes the connection.
package main

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	url := os.Args[1]
	count, err := strconv.Atoi(os.Args[2])
	check(err)
	atOnce, err := strconv.Atoi(os.Args[3])
	check(err)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		ForceAttemptHTTP2: true,
	}}
	get := func() []byte {
		response, err := client.Get(url)
		check(err)
		if response.ProtoMajor != 2 {
			log.Fatal(response.Proto)
		}
		body, err := io.ReadAll(response.Body)
		check(err)
		check(response.Body.Close())
		return body
	}
	body := get()
	var all sync.WaitGroup
	for worker := 0; worker < atOnce; worker++ {
		all.Add(1)
		go func(number int) {
			defer all.Done()
			for ; number < count; number += atOnce {
				get()
			}
		}(worker + 1)
	}
	all.Wait()
	fmt.Printf("%d requests %x\n", count, sha256.Sum256(body))
}
