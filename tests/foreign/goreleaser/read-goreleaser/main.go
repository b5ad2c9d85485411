// Reads a goreleaser configuration as goreleaser does, which takes no key that it does not know, and
// prints the commands that it signs with.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

func main() {
	project, err := config.Load(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, sign := range project.Signs {
		fmt.Println(sign.Cmd, strings.Join(sign.Args, " "))
	}
}
