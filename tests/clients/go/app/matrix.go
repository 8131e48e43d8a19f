package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	clientLife = time.Second
	pause      = 50 * time.Millisecond
)

// outcomes is the report of matrix.
type outcomes struct {
	lock       sync.Mutex
	Calls      int     `json:"calls"`
	Failed     int     `json:"failed"`
	FirstError *string `json:"first_error"`
}

func (o *outcomes) add(err error) {
	o.lock.Lock()
	defer o.lock.Unlock()
	o.Calls++
	if err != nil {
		o.Failed++
		if o.FirstError == nil {
			text := err.Error()
			o.FirstError = &text
		}
	}
}

// matrix writes and reads under load like the other SDKs of tests/real/sdk_matrix.py, with a new client each second:
// a client keeps its credentials until shortly before they end.
func matrix(arguments []string) error {
	if len(arguments) != 2 {
		return fmt.Errorf("usage: app matrix BUCKET SECONDS")
	}
	seconds, err := strconv.ParseFloat(arguments[1], 64)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(seconds*float64(time.Second)))
	defer cancel()
	var seen outcomes
	var all sync.WaitGroup
	for worker := range number("WORKERS", 4) {
		all.Go(func() { writeAndRead(ctx, arguments[0], fmt.Sprintf("go/%d", worker), &seen) })
	}
	all.Wait()
	return json.NewEncoder(os.Stdout).Encode(&seen)
}

func writeAndRead(ctx context.Context, bucket, key string, seen *outcomes) {
	for ctx.Err() == nil {
		// Calls that have begun are finished after the end.
		loaded, err := config.LoadDefaultConfig(context.Background())
		if err != nil {
			seen.add(err)
			return
		}
		client := s3.NewFromConfig(loaded, func(options *s3.Options) { options.UsePathStyle = true })
		for made := time.Now(); ctx.Err() == nil && time.Since(made) < clientLife; time.Sleep(pause) {
			seen.add(once(client, bucket, key))
		}
	}
}

func once(client *s3.Client, bucket, key string) error {
	ctx, body := context.Background(), []byte("written by Go")
	if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)}); err != nil {
		return err
	}
	object, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	defer object.Body.Close()
	read, err := io.ReadAll(object.Body)
	if err == nil && !bytes.Equal(read, body) {
		err = fmt.Errorf("read %d bytes of something else", len(read))
	}
	return err
}
