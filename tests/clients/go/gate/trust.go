package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"time"
)

// No STS gives out sessions of less than a quarter of an hour; no test waits for one.
const briefly = 45 * time.Second

var expiration = regexp.MustCompile(`<Expiration>[^<]+</Expiration>`)

// brief says of every session that it ends soon.
func brief(next http.Handler) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		recorded := httptest.NewRecorder()
		next.ServeHTTP(recorded, request)
		end := time.Now().Add(briefly).UTC().Format(time.RFC3339)
		body := expiration.ReplaceAll(recorded.Body.Bytes(), []byte("<Expiration>"+end+"</Expiration>"))
		for name, values := range recorded.Header() {
			answer.Header()[name] = values
		}
		answer.Header().Set("Content-Length", strconv.Itoa(len(body)))
		answer.WriteHeader(recorded.Code)
		_, _ = answer.Write(body)
	})
}

// revoked asks for the role of the same name without trust, so that the refusal is STS's own.
func revoked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		if form, err := url.ParseQuery(string(body)); err == nil && form.Has("RoleArn") {
			form.Set("RoleArn", form.Get("RoleArn")+"-revoked")
			body = []byte(form.Encode())
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
		request.ContentLength = int64(len(body))
		request.Header.Set("Content-Length", strconv.Itoa(len(body)))
		next.ServeHTTP(answer, request)
	})
}
