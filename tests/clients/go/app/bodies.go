package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	announced = 4 << 20
	// How long a connection may take to be made, and a full body to be taken.
	patience = 5 * time.Second
)

// A client that announces a review of 4 MiB, and what it then does.
type spoiler struct {
	sent  int           // bytes that it sends at once
	every time.Duration // between further ones of a byte each; none when 0
	all   bool          // sends the rest too, which is no review
}

// bodies keeps COUNT connections to each webhook whose bodies do not come, come slowly or are no reviews; what is
// closed is made again.
func bodies(arguments []string) error {
	if len(arguments) < 3 {
		return fmt.Errorf("usage: app bodies COUNT SECONDS ADDRESS...")
	}
	count, err := strconv.Atoi(arguments[0])
	if err != nil {
		return err
	}
	seconds, err := strconv.Atoi(arguments[1])
	if err != nil {
		return err
	}
	kinds := []spoiler{{sent: 40 << 10}, {sent: 3 << 20}, {sent: 1 << 20, every: 100 * time.Millisecond}, {all: true}}
	var opened, refused atomic.Int64
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	for _, address := range arguments[2:] {
		for number := range count {
			// Most are silent; of the others as many as a machine of two processors can bear.
			kind := spoiler{}
			if number < 20 {
				kind = kinds[number%len(kinds)]
			}
			go func() {
				for time.Now().Before(end) {
					if kind.spoil(address, end) {
						opened.Add(1)
					} else {
						refused.Add(1)
					}
					time.Sleep(200 * time.Millisecond)
				}
			}()
		}
	}
	time.Sleep(time.Until(end))
	return json.NewEncoder(os.Stdout).Encode(map[string]int64{"opened": opened.Load(), "refused": refused.Load()})
}

// spoil holds one connection until it is closed; whether it could be made.
func (kind spoiler) spoil(address string, end time.Time) bool {
	dialer := &net.Dialer{Timeout: patience}
	connection, err := tls.DialWithDialer(dialer, "tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return false
	}
	defer connection.Close()
	connection.SetWriteDeadline(time.Now().Add(patience))
	fmt.Fprintf(connection, "POST /inject HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", announced)
	length := kind.sent
	if kind.all {
		length = announced
	}
	connection.Write(bytes.Repeat([]byte(" "), length))
	if kind.every > 0 {
		go func() {
			connection.SetWriteDeadline(end)
			for time.Now().Before(end) {
				if _, err := connection.Write([]byte(" ")); err != nil {
					return
				}
				time.Sleep(kind.every)
			}
		}()
	}
	connection.SetReadDeadline(end)
	io.Copy(io.Discard, connection)
	return true
}
