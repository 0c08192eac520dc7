// A Go program without TLS.
package main

func main() { println("hello") }
