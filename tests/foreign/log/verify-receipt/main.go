// Verifies a receipt offline: verify-receipt KEY RECEIPT [WITNESS-KEY]… And its checkpoint against a
// log's later one, where LOG says at which address that log has its tiles (TOKEN: the bearer token).
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/transparency-dev/formats/log"
	cosignatures "github.com/transparency-dev/formats/note"
	receipts "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"
)

func witnessKeys(named []string) ([]note.Verifier, error) {
	var keys []note.Verifier
	for _, name := range named {
		key, err := cosignatures.NewVerifierForCosignatureV1(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// The entry is the SHA-256 of what the receipt carries.
func verify(text []byte, key note.Verifier, witnesses []note.Verifier) (*log.Checkpoint, error) {
	var receipt receipts.TLogProof
	if err := receipt.Unmarshal(text); err != nil {
		return nil, err
	}
	checkpoint, _, signed, err := log.ParseCheckpoint(receipt.Checkpoint, key.Name(), key, witnesses...)
	if err != nil {
		return nil, err
	}
	if len(signed.Sigs) != 1+len(witnesses) {
		return nil, fmt.Errorf("%d of %d witnesses have signed", len(signed.Sigs)-1, len(witnesses))
	}
	hashes := make([][]byte, len(receipt.Hashes))
	for i := range receipt.Hashes {
		hashes[i] = receipt.Hashes[i][:]
	}
	row := sha256.Sum256(receipt.ExtraData)
	leaf := rfc6962.DefaultHasher.HashLeaf(row[:])
	err = proof.VerifyInclusion(
		rfc6962.DefaultHasher, receipt.Index, checkpoint.Size, leaf, hashes, checkpoint.Hash)
	if err != nil {
		return nil, err
	}
	fmt.Printf("entry %d of %d; %d witnesses\n", receipt.Index, checkpoint.Size, len(witnesses))
	return checkpoint, nil
}

func verifyAgainstLater(address string, key note.Verifier, old *log.Checkpoint) error {
	root, err := url.Parse(address + "/")
	if err != nil {
		return err
	}
	fetcher, err := client.NewHTTPFetcher(root, nil)
	if err != nil {
		return err
	}
	if token := os.Getenv("TOKEN"); token != "" {
		fetcher.SetAuthorizationHeader("Bearer " + token)
	}
	ctx := context.Background()
	later, _, _, err := client.FetchCheckpoint(ctx, fetcher.ReadCheckpoint, key, key.Name())
	if err != nil {
		return err
	}
	builder, err := client.NewProofBuilder(ctx, later.Size, fetcher.ReadTile)
	if err != nil {
		return err
	}
	hashes, err := builder.ConsistencyProof(ctx, old.Size, later.Size)
	if err != nil {
		return err
	}
	err = proof.VerifyConsistency(
		rfc6962.DefaultHasher, old.Size, later.Size, hashes, old.Hash, later.Hash)
	if err != nil {
		return fmt.Errorf("the log was rewritten since it had %d entries: %w", old.Size, err)
	}
	fmt.Printf("part of the log of %d entries\n", later.Size)
	return nil
}

func run() error {
	if len(os.Args) < 3 {
		return errors.New("verify-receipt KEY RECEIPT [WITNESS-KEY]…")
	}
	key, err := note.NewVerifier(os.Args[1])
	if err != nil {
		return err
	}
	text, err := os.ReadFile(os.Args[2])
	if err != nil {
		return err
	}
	witnesses, err := witnessKeys(os.Args[3:])
	if err != nil {
		return err
	}
	checkpoint, err := verify(text, key, witnesses)
	if err != nil {
		return err
	}
	if address := os.Getenv("LOG"); address != "" {
		return verifyAgainstLater(address, key, checkpoint)
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
