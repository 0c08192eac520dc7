// Goroutines whose stacks move while they write to TLS connections and read from them: stacks COUNT.
//
// Each goroutine calls itself to another depth before each write and read, so that crypto/tls has to enlarge the stack; the
// garbage collector makes the stacks smaller again. Both ends are in this program. The last line is what came back.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const connections = 8

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func certificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// At another depth of the stack; the array keeps each level large.
func deep(depth int, what func()) byte {
	var room [128]byte
	room[depth%128] = 1
	if depth > 0 {
		return room[depth%128] + deep(depth-1, what)
	}
	what()
	return room[0]
}

func serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		check(err)
		go deep(1, func() { io.Copy(conn, conn) })
	}
}

func ask(address string, number, count int) []byte {
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	check(err)
	sum := sha256.New()
	for i := 0; i < count; i++ {
		sent := bytes.Repeat([]byte{byte(number), byte(i)}, 1+(i*37)%700)
		got := make([]byte, len(sent))
		done := make(chan bool)
		// A new goroutine begins with a small stack.
		go func() {
			deep((number*31+i*7)%200, func() {
				_, err := conn.Write(sent)
				check(err)
			})
			deep((number*17+i*11)%200, func() {
				_, err := io.ReadFull(conn, got)
				check(err)
			})
			done <- true
		}()
		<-done
		if !bytes.Equal(sent, got) {
			log.Fatalf("connection %d got other bytes at %d", number, i)
		}
		sum.Write(got)
	}
	check(conn.Close())
	return sum.Sum(nil)
}

func main() {
	count, err := strconv.Atoi(os.Args[1])
	check(err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate()}})
	check(err)
	go serve(listener)
	go func() {
		for {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
	}()
	sums := make([][]byte, connections)
	var all sync.WaitGroup
	for number := range sums {
		all.Add(1)
		go func(number int) {
			defer all.Done()
			sums[number] = ask(listener.Addr().String(), number, count)
		}(number)
	}
	all.Wait()
	fmt.Printf("%x\n", sha256.Sum256(bytes.Join(sums, nil)))
}
