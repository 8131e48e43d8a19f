// One GET by Go's net/http; prints Go's version. See measure.py.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
)

func main() {
	request, err := http.NewRequest(http.MethodGet, os.Args[1], nil)
	if err != nil {
		panic(err)
	}
	request.Header.Set("Authorization", os.Args[2])
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		panic(err)
	}
	fmt.Println(runtime.Version())
}
