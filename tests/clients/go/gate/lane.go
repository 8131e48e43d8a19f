package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// lane is one port. `open` passes, `closed` refuses connections, `hanging` takes requests and never answers, `denying`
// answers as STS does when the role's trust policy refuses. `brief` passes and lets sessions end soon, `revoked` passes
// and asks for a role without trust, which STS refuses.
type lane struct {
	port   string
	secure *tls.Config
	next   http.Handler

	lock   sync.Mutex
	state  string
	server *http.Server
}

// denial is what AWS answers, see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html.
const denial = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code>` +
	`<Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error><RequestId>e2e</RequestId></ErrorResponse>`

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
	if !slices.Contains([]string{"open", "closed", "hanging", "denying", "brief", "revoked"}, state) {
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
	case "denying":
		handler = http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
			answer.Header().Set("Content-Type", "text/xml")
			answer.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(answer, denial)
		})
	}
	l.server = &http.Server{Handler: handler, TLSConfig: l.secure, ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return context.Background() }}
	go func(server *http.Server) { _ = server.ServeTLS(listener, "", "") }(l.server)
	return nil
}
