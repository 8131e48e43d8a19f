// The gate of the cluster tests: TLS in front of a SeaweedFS that runs beside it, with one port for S3 and several for
// STS. Each port for STS can be closed, left hanging or turned against its role by itself, so that one test's outage is no
// other test's. It counts what passes: STS operations and refusals, and as which role each S3 request was signed.
//
//	gate -sts :8451,:8452 (environment: ADMIN_SECRET)
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	upstream = "http://127.0.0.1:8333"
	bucket   = "demo"
)

func main() {
	ports := flag.String("sts", ":8451", "ports for STS")
	flag.Parse()
	log.SetFlags(log.LUTC | log.LstdFlags | log.Lmicroseconds)
	pair, err := tls.LoadX509KeyPair("/etc/store/tls.crt", "/etc/store/tls.key")
	if err != nil {
		log.Fatal(err)
	}
	target, err := url.Parse(upstream)
	if err != nil {
		log.Fatal(err)
	}
	seen := newSeen()
	secure := &tls.Config{Certificates: []tls.Certificate{pair}}
	lanes := map[string]*lane{}
	for _, port := range strings.Split(*ports, ",") {
		lanes[strings.TrimPrefix(port, ":")] = newLane(port, secure, passing(target, seen.sts(strings.TrimPrefix(port, ":"))))
	}
	newLane(":8443", secure, passing(target, seen.s3))
	go seed()
	log.Fatal(http.ListenAndServe(":9000", control(seen, lanes)))
}

// passing forwards requests as they are: the signature covers the Host header. `watch` sees each answer.
func passing(target *url.URL, watch func(*http.Response) error) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(request *httputil.ProxyRequest) {
			request.SetURL(target)
			request.Out.Host = request.In.Host
		},
		ModifyResponse: watch,
		Transport:      &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true},
	}
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if request.Method == http.MethodPost && request.ContentLength >= 0 && request.ContentLength < 1<<20 {
			remember(request)
		}
		proxy.ServeHTTP(answer, request)
	})
}

// seeded is closed once an object is stored and the store can be used.
var seeded = make(chan struct{})

// seed makes the bucket and its object; the port of S3 is open long before the first volume can be written.
func seed() {
	client := s3.New(s3.Options{
		BaseEndpoint:     aws.String(upstream),
		Region:           "us-east-1",
		UsePathStyle:     true,
		RetryMaxAttempts: 1,
		Credentials:      credentials.NewStaticCredentialsProvider("admin", os.Getenv("ADMIN_SECRET"), ""),
	})
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		_, _ = client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)}) // the object decides
		_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("hello.txt"), Body: strings.NewReader("hello")})
		cancel()
		if err == nil {
			close(seeded)
			return
		}
		log.Print(err)
		time.Sleep(200 * time.Millisecond)
	}
}

// control is the tests' side: the counters, the switches, and the last words of applications.
func control(seen *seen, lanes map[string]*lane) http.Handler {
	reports := &reports{texts: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", func(answer http.ResponseWriter, _ *http.Request) {
		select {
		case <-seeded:
		default:
			answer.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /seen", func(answer http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(answer).Encode(seen.snapshot())
	})
	mux.HandleFunc("POST /lanes/{port}/{state}", func(answer http.ResponseWriter, request *http.Request) {
		lane := lanes[request.PathValue("port")]
		if lane == nil || lane.set(request.PathValue("state")) != nil {
			http.Error(answer, "no such lane or state", http.StatusBadRequest)
		}
	})
	mux.HandleFunc("POST /reports/{name}", func(_ http.ResponseWriter, request *http.Request) {
		text, _ := io.ReadAll(request.Body)
		reports.put(request.PathValue("name"), string(text))
	})
	mux.HandleFunc("GET /reports/{name}", func(answer http.ResponseWriter, request *http.Request) {
		_, _ = io.WriteString(answer, reports.get(request.PathValue("name")))
	})
	return mux
}
