// Signs each file that is named on stdin, for as long as names come, into FILE.sig (DER of EC keys).
package main

import (
	"bufio"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"

	"github.com/ThalesGroup/crypto11"
)

func sign(key crypto11.Signer, name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(data)
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return err
	}
	return os.WriteFile(name+".sig", signature, 0o644)
}

func run() error {
	token := os.Getenv("TOKEN")
	context, err := crypto11.Configure(&crypto11.Config{
		Path: os.Getenv("MODULE"), TokenLabel: token, Pin: os.Getenv("PIN"),
	})
	if err != nil {
		return err
	}
	defer context.Close()
	key, err := context.FindKeyPair(nil, []byte(token))
	if err != nil {
		return err
	}
	names := bufio.NewScanner(os.Stdin)
	for names.Scan() {
		err := sign(key, names.Text())
		if err != nil { // a renewal makes a new key: look once more
			fmt.Fprintln(os.Stderr, err)
			if key, err = context.FindKeyPair(nil, []byte(token)); err != nil {
				return err
			}
			err = sign(key, names.Text())
		}
		if err != nil {
			return err
		}
		fmt.Println(names.Text() + ".sig")
	}
	return names.Err()
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
