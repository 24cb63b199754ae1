// Tools that other people wrote for the same protocols, for tests/witness/run: a witness, and the
// verification of a checkpoint by a trust policy. Everything that judges is theirs.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	logfmt "github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
)

const usage = `outside key NAME                    a new key of a log: its secret line and its public line
outside witness ADDRESS KEY LOG...  a witness with the secret line KEY of the logs with these keys
outside check LOG POLICY            whether the checkpoint on standard input is the log's and meets the policy`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "outside:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "key":
		return key(args[1])
	case len(args) >= 4 && args[0] == "witness":
		return serve(args[1], args[2], args[3:])
	case len(args) == 3 && args[0] == "check":
		return check(args[1], args[2])
	}
	return fmt.Errorf("say one of\n%s", usage)
}

func key(name string) error {
	secret, public, err := note.GenerateKey(nil, name)
	if err != nil {
		return err
	}
	fmt.Println(secret)
	fmt.Println(public)
	return nil
}

func serve(address, secret string, logs []string) error {
	signer, err := fnote.NewSignerForCosignatureV1(secret)
	if err != nil {
		return err
	}
	known := map[string]note.Verifier{}
	for _, key := range logs {
		verifier, err := note.NewVerifier(key)
		if err != nil {
			return err
		}
		known[verifier.Name()] = verifier
	}
	theirs, err := witness.New(context.Background(), witness.Opts{
		Persistence: inmemory.New(),
		Signers:     []note.Signer{signer},
		VerifierForLog: func(_ context.Context, origin string) (note.Verifier, bool, error) {
			verifier, ok := known[origin]
			return verifier, ok, nil
		},
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	routes := http.NewServeMux()
	routes.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(theirs).AddCheckpoint)
	return http.Serve(listener, routes)
}

func check(log, policyFile string) error {
	checkpoint, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(log))
	if err != nil {
		return err
	}
	parsed, _, _, err := logfmt.ParseCheckpoint(checkpoint, verifier.Name(), verifier)
	if err != nil {
		return err
	}
	policy, err := os.ReadFile(policyFile)
	if err != nil {
		return err
	}
	group, err := tessera.NewWitnessGroupFromPolicy(policy)
	if err != nil {
		return err
	}
	if !group.Satisfied(checkpoint) {
		return fmt.Errorf("the checkpoint of size %d does not meet the policy", parsed.Size)
	}
	fmt.Println(parsed.Size)
	return nil
}
