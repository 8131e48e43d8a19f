// The application of the tests: an unmodified AWS SDK for Go v2 with its default chain and nothing but
// environment variables. It knows nothing of stsidecar except in the commands that look at the endpoint on purpose.
//
//	app run           lists a bucket and reads an object, again and again (environment: see settings)
//	app ask [TOKEN]   one request to the credentials endpoint: its status and the access key, never the secret
//	app load R S      R requests a second for S seconds to the credentials endpoint: how long they took
//	app reviews R S URL REVIEW    the same with an admission review, to a webhook
//	app bodies N S ADDRESS...     N connections to each webhook for S seconds, whose bodies do not come or are none
//	app token         the authorization token of this container
//	app matrix B S    writes to bucket B and reads for S seconds, for tests/real/sdk_matrix.py
//	app relay FROM=TO...    carries connections, as a mesh's proxy does; without any it ends at once
//	app kill ID       SIGKILL to the first process of a container, found by its cgroup (needs hostPID)
package main

import (
	"fmt"
	"os"
)

func main() {
	commands := map[string]func([]string) error{"run": run, "ask": ask, "load": load, "reviews": reviews, "bodies": bodies, "token": token, "matrix": matrix, "relay": relay, "kill": kill}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: app run | ask [TOKEN] | load RATE SECONDS | reviews RATE SECONDS URL REVIEW | bodies COUNT SECONDS ADDRESS... | token | matrix BUCKET SECONDS | relay [FROM=TO]... | kill CONTAINER-ID")
		os.Exit(64)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
