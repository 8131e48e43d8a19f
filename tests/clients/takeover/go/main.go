// One signed request of a Go client of S3 that is configured by environment variables alone; see tests/real/takeover.
//
//	takeover go-v1|minio-go
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/s3"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func goV1(endpoint string) error {
	made, err := session.NewSession(&aws.Config{Endpoint: &endpoint, S3ForcePathStyle: aws.Bool(true)})
	if err != nil {
		return err
	}
	_, err = s3.New(made).ListBuckets(&s3.ListBucketsInput{})
	return err
}

// The chain that MinIO's own programs build: its variables, AWS's, AWS's file, then what a role gives.
func minioGo(endpoint string) error {
	chain := credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvMinio{}, &credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
	})
	client, err := minio.New(strings.TrimPrefix(endpoint, "http://"), &minio.Options{Creds: chain, MaxRetries: 1})
	if err != nil {
		return err
	}
	_, err = client.ListBuckets(context.Background())
	return err
}

func main() {
	clients := map[string]func(string) error{"go-v1": goV1, "minio-go": minioGo}
	if len(os.Args) != 2 || clients[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: takeover go-v1|minio-go")
		os.Exit(64)
	}
	if err := clients[os.Args[1]](os.Getenv("AWS_ENDPOINT_URL_S3")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
