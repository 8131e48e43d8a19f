package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// settings come from the environment, so that every workload has the same command.
type settings struct {
	bucket string        // BUCKET
	every  time.Duration // EVERY_MS: pause between two rounds
	rounds int           // ROUNDS: ends with 0 after so many good ones; 0 goes on until SIGTERM
	drain  time.Duration // DRAIN_SECONDS: goes on so long after SIGTERM, like a server that finishes its work
	page   string        // PAGE: the port of the counters
	report string        // REPORT_URL: where the last word goes, which the log of a deleted pod may lose
}

// counters is what the page and the report show.
type counters struct {
	Started      time.Time `json:"started"`
	FirstSuccess time.Time `json:"firstSuccess"`
	LastSuccess  time.Time `json:"lastSuccess"`
	Stopping     time.Time `json:"stopping"`
	Calls        int       `json:"calls"`
	Failed       int       `json:"failed"`
	FirstError   string    `json:"firstError"`
}

type app struct {
	settings
	lock sync.Mutex
	seen counters
}

func number(name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	value, err := strconv.Atoi(text)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(64)
	}
	return value
}

func run([]string) error {
	program := &app{settings: settings{
		bucket: os.Getenv("BUCKET"),
		every:  time.Duration(number("EVERY_MS", 1000)) * time.Millisecond,
		rounds: number("ROUNDS", 0),
		drain:  time.Duration(number("DRAIN_SECONDS", 0)) * time.Second,
		page:   strconv.Itoa(number("PAGE", 8080)),
		report: os.Getenv("REPORT_URL"),
	}}
	program.seen.Started = time.Now()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	server := &http.Server{Addr: ":" + program.page, Handler: program, ReadHeaderTimeout: time.Second}
	go func() { fmt.Fprintln(os.Stderr, server.ListenAndServe()) }()
	program.work(stop)
	return program.end()
}

// work makes a round each `every` until SIGTERM and the drain after it, or until there were enough.
func (a *app) work(stop <-chan os.Signal) {
	ticker := time.NewTicker(a.every)
	defer ticker.Stop()
	var end <-chan time.Time
	for good := 0; ; {
		if a.round() {
			good++
		}
		if a.rounds > 0 && good >= a.rounds {
			return
		}
		select {
		case <-ticker.C:
		case <-end:
			return
		case <-stop:
			a.lock.Lock()
			a.seen.Stopping = time.Now()
			a.lock.Unlock()
			end = time.After(a.drain)
		}
	}
}

// round makes its configuration anew: a client that keeps its credentials would not ask the sidecar for 15 minutes.
func (a *app) round() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := a.calls(ctx)
	a.lock.Lock()
	defer a.lock.Unlock()
	a.seen.Calls++
	if err != nil {
		a.seen.Failed++
		if a.seen.FirstError == "" {
			a.seen.FirstError = time.Now().Format(time.RFC3339Nano) + " " + err.Error()
		}
		fmt.Fprintln(os.Stderr, err)
		return false
	}
	a.seen.LastSuccess = time.Now()
	if a.seen.FirstSuccess.IsZero() {
		a.seen.FirstSuccess = a.seen.LastSuccess
	}
	return true
}

func (a *app) calls(ctx context.Context) error {
	loaded, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	// One attempt: a retry of the SDK would hide what is to be seen.
	client := s3.NewFromConfig(loaded, func(options *s3.Options) {
		options.UsePathStyle = true
		options.RetryMaxAttempts = 1
	})
	listed, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &a.bucket})
	if err != nil {
		return err
	}
	if len(listed.Contents) == 0 {
		return fmt.Errorf("bucket %s is empty", a.bucket)
	}
	object, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &a.bucket, Key: aws.String("hello.txt")})
	if err != nil {
		return err
	}
	defer object.Body.Close()
	content, err := io.ReadAll(object.Body)
	if err == nil && string(content) != "hello" {
		err = fmt.Errorf("hello.txt holds %d bytes of something else", len(content))
	}
	return err
}

func (a *app) json() []byte {
	a.lock.Lock()
	defer a.lock.Unlock()
	text, err := json.Marshal(a.seen)
	if err != nil {
		panic(err) // numbers, times and text only
	}
	return text
}

func (a *app) ServeHTTP(answer http.ResponseWriter, _ *http.Request) {
	answer.Header().Set("Content-Type", "application/json")
	answer.Write(a.json())
}

func (a *app) end() error {
	text := a.json()
	fmt.Printf("%s\n", text)
	if a.report == "" {
		return nil
	}
	answer, err := http.Post(a.report, "application/json", bytes.NewReader(text))
	if err == nil {
		err = answer.Body.Close()
	}
	return err
}
