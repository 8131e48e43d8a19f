package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const endpoint = "http://127.0.0.1:9911/v1/credentials"

func ownToken() (string, error) {
	content, err := os.ReadFile(os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"))
	return string(content), err
}

func token([]string) error {
	own, err := ownToken()
	fmt.Print(own)
	return err
}

func environment([]string) error {
	return json.NewEncoder(os.Stdout).Encode(os.Environ())
}

// get makes one request. The address is a constant: a container without credentials knows it too.
func get(client *http.Client, authorization string) (int, []byte, error) {
	request, err := http.NewRequest(http.MethodGet, endpoint, nil)
	if err != nil {
		return 0, nil, err
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, body, err
}

func ask(arguments []string) error {
	status, body, err := get(http.DefaultClient, strings.Join(arguments, ""))
	if err != nil {
		return err
	}
	var credentials struct{ AccessKeyId, Code string }
	if err := json.Unmarshal(body, &credentials); err != nil {
		return err
	}
	fmt.Println(status, credentials.AccessKeyId+credentials.Code)
	return nil
}

// kill finds the oldest process whose cgroup bears the container's id: its first one.
func kill(arguments []string) error {
	if len(arguments) != 1 || len(arguments[0]) < 32 {
		return fmt.Errorf("usage: app kill CONTAINER-ID (the whole id)")
	}
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return err
	}
	first := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		pid, invalid := strconv.Atoi(strings.Split(file, "/")[2])
		if err == nil && invalid == nil && strings.Contains(string(content), arguments[0]) && (first == 0 || pid < first) {
			first = pid
		}
	}
	if first == 0 {
		return fmt.Errorf("no process of container %s is seen", arguments[0])
	}
	return syscall.Kill(first, syscall.SIGKILL)
}
