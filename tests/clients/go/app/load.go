package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"
)

// load asks the credentials endpoint as often as an application that keeps nothing.
func load(arguments []string) error {
	if len(arguments) != 2 {
		return fmt.Errorf("usage: app load RATE SECONDS")
	}
	own, err := ownToken()
	if err != nil {
		return err
	}
	return steadily(arguments[0], arguments[1], func() bool {
		status, _, err := get(http.DefaultClient, own)
		return err == nil && status == http.StatusOK
	})
}

// reviews sends one admission review again and again to a webhook, as API servers do; the answer must hold a patch.
func reviews(arguments []string) error {
	if len(arguments) != 4 {
		return fmt.Errorf("usage: app reviews RATE SECONDS URL REVIEW")
	}
	// Whether the certificate is right is judged elsewhere; here it is time that is measured.
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true,
	}}
	return steadily(arguments[0], arguments[1], func() bool {
		answer, err := client.Post(arguments[2], "application/json", strings.NewReader(arguments[3]))
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		return err == nil && strings.Contains(string(body), `"patch"`)
	})
}

// steadily starts requests at fixed times, whether or not the ones before have ended: a slow answer delays no other.
func steadily(rateText, secondsText string, request func() bool) error {
	rate, err := strconv.Atoi(rateText)
	if err != nil {
		return err
	}
	seconds, err := strconv.Atoi(secondsText)
	if err != nil {
		return err
	}
	type outcome struct {
		took time.Duration
		good bool
	}
	outcomes := make(chan outcome, rate*seconds)
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	for range rate * seconds {
		due := <-ticker.C
		go func() {
			good := request()
			outcomes <- outcome{time.Since(due), good}
		}()
	}
	var took []float64
	failed := 0
	for range rate * seconds {
		one := <-outcomes
		took = append(took, float64(one.took.Microseconds())/1000)
		if !one.good {
			failed++
		}
	}
	sort.Float64s(took)
	fmt.Printf(`{"requests":%d,"failed":%d,"p50":%.2f,"p99":%.2f,"max":%.2f}`+"\n",
		len(took), failed, took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
	return nil
}
