// HTTP/2 over TLS by Go's standard library: h2 serve, or h2 get URL COUNT (one after the other, on one connection).
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
)

func main() {
	if os.Args[1] == "serve" {
		http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, r.Proto) })
		log.Fatal(http.ListenAndServeTLS(":8443", "/origin.crt", "/origin.key", nil))
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	client := http.Client{Transport: transport}
	count, _ := strconv.Atoi(os.Args[3])
	for ; count > 0; count-- {
		response, err := client.Get(os.Args[2])
		if err != nil {
			log.Fatal(err)
		}
		io.Copy(os.Stdout, response.Body)
		response.Body.Close()
	}
	transport.CloseIdleConnections()
}
