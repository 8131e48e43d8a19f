package main

import (
	"fmt"
	"io"
	"net"
	"strings"
)

// relay carries connections from one address to another, as a mesh's proxy in the pod does: `FROM=TO`, any number of
// them. With none it ends at once, as the init container of a mesh's CNI plugin that finds all in order.
func relay(arguments []string) error {
	failed := make(chan error)
	for _, pair := range arguments {
		from, to, found := strings.Cut(pair, "=")
		if !found {
			return fmt.Errorf("usage: app relay [FROM=TO]...")
		}
		listener, err := net.Listen("tcp", from)
		if err != nil {
			return err
		}
		go func() {
			for {
				near, err := listener.Accept()
				if err != nil {
					failed <- err
					return
				}
				go carry(near, to)
			}
		}()
	}
	if len(arguments) == 0 {
		return nil
	}
	return <-failed
}

// carry copies both ways until either side has ended.
func carry(near net.Conn, to string) {
	defer near.Close()
	far, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer far.Close()
	ended := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			ended <- struct{}{}
		}()
	}
	<-ended
}
