// A pod that belongs to nobody: it holds a sandbox open, or tries whether an address can be reached.
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 1 {
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
		<-stop
		return
	}
	said := make([]chan string, len(os.Args)-1)
	for i, address := range os.Args[1:] {
		said[i] = make(chan string, 1)
		go func() { said[i] <- try(address) }()
	}
	for _, each := range said {
		fmt.Println(<-each)
	}
}

func try(address string) string {
	connection, err := net.DialTimeout("tcp", address, 2*time.Second)
	if err != nil {
		return address + " closed"
	}
	connection.Close()
	return address + " open"
}
