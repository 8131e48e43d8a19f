package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"time"
)

var (
	accessKey = regexp.MustCompile(`<AccessKeyId>([^<]+)</AccessKeyId>`)
	errorCode = regexp.MustCompile(`<Code>([^<]+)</Code>`)
	signedBy  = regexp.MustCompile(`Credential=([^/\s,]+)/`)
)

// pair is who asked where: a role on a port.
type role struct {
	Calls       int       `json:"calls"`       // STS calls
	Errors      int       `json:"errors"`      // of them refused
	Code        string    `json:"code"`        // the last refusal's
	Tokens      int       `json:"tokens"`      // different web identity tokens
	FirstVended time.Time `json:"firstVended"` // when credentials were given for the first time
	Requests    int       `json:"requests"`    // S3 requests signed with its credentials
	Keys        int       `json:"keys"`        // different access keys of them
}

type seen struct {
	lock    sync.Mutex
	roles   map[string]*role    // by `PORT SUBJECT ROLE`
	ofKey   map[string]string   // access key to role
	tokens  map[[32]byte]string // web identity tokens
	used    map[string]bool     // access keys that signed a request
	answers map[string]int      // of S3, by status
}

func newSeen() *seen {
	return &seen{roles: map[string]*role{}, ofKey: map[string]string{}, tokens: map[[32]byte]string{}, used: map[string]bool{}, answers: map[string]int{}}
}

func (s *seen) of(name string) *role {
	if s.roles[name] == nil {
		s.roles[name] = &role{}
	}
	return s.roles[name]
}

type formKey struct{}

// remember keeps a request's form for the answer's sake; the body goes on unchanged.
func remember(request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	if form, err := url.ParseQuery(string(body)); err == nil {
		*request = *request.WithContext(context.WithValue(request.Context(), formKey{}, form))
	}
}

// sts counts an answer of STS under its port and the role that was asked for.
func (s *seen) sts(port string) func(*http.Response) error {
	return func(answer *http.Response) error {
		form, ok := answer.Request.Context().Value(formKey{}).(url.Values)
		if !ok {
			return nil
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return err
		}
		answer.Body = io.NopCloser(bytes.NewReader(body))
		s.lock.Lock()
		defer s.lock.Unlock()
		name := port + " " + form.Get("RoleArn")
		asked := s.of(name)
		asked.Calls++
		if token := sha256.Sum256([]byte(form.Get("WebIdentityToken"))); s.tokens[token] == "" {
			s.tokens[token] = name
			asked.Tokens++
		}
		if key := accessKey.FindSubmatch(body); key != nil {
			s.ofKey[string(key[1])] = name
			if asked.FirstVended.IsZero() {
				asked.FirstVended = time.Now()
			}
		} else {
			asked.Errors++
			if code := errorCode.FindSubmatch(body); code != nil {
				asked.Code = string(code[1])
			}
		}
		return nil
	}
}

// s3 counts a request under the role whose credentials signed it.
func (s *seen) s3(answer *http.Response) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.answers[strconv.Itoa(answer.StatusCode)]++
	key := signedBy.FindStringSubmatch(answer.Request.Header.Get("Authorization"))
	if key == nil {
		return nil
	}
	if name := s.ofKey[key[1]]; name != "" {
		s.of(name).Requests++
		if !s.used[key[1]] {
			s.used[key[1]] = true
			s.of(name).Keys++
		}
	}
	return nil
}

func (s *seen) snapshot() map[string]any {
	s.lock.Lock()
	defer s.lock.Unlock()
	roles := map[string]role{}
	for name, one := range s.roles {
		roles[name] = *one
	}
	answers, keys := map[string]int{}, map[string]string{}
	for status, count := range s.answers {
		answers[status] = count
	}
	for key, name := range s.ofKey {
		keys[key] = name
	}
	return map[string]any{"roles": roles, "answers": answers, "keys": keys}
}

// reports holds what applications say at their end, by name.
type reports struct {
	lock  sync.Mutex
	texts map[string]string
}

func (r *reports) put(name, text string) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.texts[name] = text
}

func (r *reports) get(name string) string {
	r.lock.Lock()
	defer r.lock.Unlock()
	return r.texts[name]
}
