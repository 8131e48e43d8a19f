package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// lane is one port. `open` passes, `closed` refuses connections, `hanging` takes requests and never answers. `brief`
// passes and lets sessions end soon, `revoked` passes and asks for a role without trust, which STS refuses.
type lane struct {
	port   string
	secure *tls.Config
	next   http.Handler

	lock   sync.Mutex
	state  string
	server *http.Server
}

func newLane(port string, secure *tls.Config, next http.Handler) *lane {
	made := &lane{port: port, secure: secure, next: next}
	if err := made.set("open"); err != nil {
		log.Fatal(err)
	}
	return made
}

func (l *lane) set(state string) error {
	l.lock.Lock()
	defer l.lock.Unlock()
	if !slices.Contains([]string{"open", "closed", "hanging", "brief", "revoked"}, state) {
		return fmt.Errorf("no state %s", state)
	}
	if l.server != nil { // connections that are kept alive end as well
		_ = l.server.Close()
		l.server = nil
	}
	l.state = state
	if state == "closed" {
		return nil
	}
	listener, err := net.Listen("tcp", l.port)
	if err != nil {
		return err
	}
	handler := l.next
	switch state {
	case "hanging":
		handler = http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
			<-request.Context().Done()
		})
	case "brief":
		handler = brief(l.next)
	case "revoked":
		handler = revoked(l.next)
	}
	l.server = &http.Server{Handler: handler, TLSConfig: l.secure, ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return context.Background() }}
	go func(server *http.Server) { _ = server.ServeTLS(listener, "", "") }(l.server)
	return nil
}
