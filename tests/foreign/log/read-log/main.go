// Reads a whole log from its tiles and checks that each of its entries is in the tree that its
// checkpoint is about: read-log URL KEY [CHECKPOINT]. With the file of a checkpoint that was kept,
// also that nothing before it has changed. TOKEN: the bearer token, if it takes one.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8 // of a tile: 256 hashes

type reader struct {
	url   string
	token string
	read  map[string][]byte
}

func (r *reader) get(path string) ([]byte, error) {
	if data, ok := r.read[path]; ok {
		return data, nil
	}
	request, err := http.NewRequest(http.MethodGet, r.url+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	if r.token != "" {
		request.Header.Set("Authorization", "Bearer "+r.token)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", path, answer.Status, data)
	}
	r.read[path] = data
	return data, nil
}

// C2SP leaves out the height, and calls the data entries.
func tilePath(tile tlog.Tile) string {
	path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
	return strings.Replace(path, "tile/data/", "tile/entries/", 1)
}

func (r *reader) Height() int { return height }

func (r *reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(tiles))
	for i, tile := range tiles {
		data, err := r.get(tilePath(tile))
		if err != nil {
			return nil, err
		}
		found[i] = data
	}
	return found, nil
}

func (r *reader) SaveTiles([]tlog.Tile, [][]byte) {}

func open(signed []byte, key note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(key))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != key.Name() {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint of %s: %q", key.Name(), opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

func splitEntries(bundle []byte, count int) ([][]byte, error) {
	entries := make([][]byte, 0, count)
	for len(bundle) >= 2 {
		length := int(binary.BigEndian.Uint16(bundle))
		if len(bundle) < 2+length {
			break
		}
		entries = append(entries, bundle[2:2+length])
		bundle = bundle[2+length:]
	}
	if len(bundle) != 0 || len(entries) != count {
		return nil, fmt.Errorf("a bundle of %d entries has %d and %d octets more", count, len(entries), len(bundle))
	}
	return entries, nil
}

// The number of entries that are not in the tree; each is told.
func checkEntries(tree tlog.Tree, log *reader, hashes tlog.HashReader) (int, error) {
	bad := 0
	for first := int64(0); first < tree.N; first += 1 << height {
		width := int(min(tree.N-first, 1<<height))
		bundle, err := log.get(tilePath(tlog.Tile{H: height, L: -1, N: first >> height, W: width}))
		if err != nil {
			return 0, err
		}
		entries, err := splitEntries(bundle, width)
		if err != nil {
			return 0, err
		}
		for i, entry := range entries {
			index := first + int64(i)
			proof, err := tlog.ProveRecord(tree.N, index, hashes)
			if err != nil {
				return 0, err
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
				fmt.Printf("entry %d is not in the tree: %v\n", index, err)
				bad++
			}
		}
	}
	return bad, nil
}

func checkKept(file string, key note.Verifier, tree tlog.Tree, hashes tlog.HashReader) error {
	signed, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	kept, err := open(signed, key)
	if err != nil {
		return err
	}
	proof, err := tlog.ProveTree(tree.N, kept.N, hashes)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, kept.N, kept.Hash); err != nil {
		return fmt.Errorf("the log was rewritten since it had %d entries: %w", kept.N, err)
	}
	fmt.Printf("nothing before entry %d has changed\n", kept.N)
	return nil
}

func run() error {
	if len(os.Args) < 3 {
		return errors.New("read-log URL KEY [CHECKPOINT]")
	}
	key, err := note.NewVerifier(os.Args[2])
	if err != nil {
		return err
	}
	log := &reader{os.Args[1], os.Getenv("TOKEN"), map[string][]byte{}}
	signed, err := log.get("checkpoint")
	if err != nil {
		return err
	}
	tree, err := open(signed, key)
	if err != nil {
		return err
	}
	hashes := tlog.TileHashReader(tree, log)
	bad, err := checkEntries(tree, log, hashes)
	if err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d entries are not in the tree", bad, tree.N)
	}
	fmt.Printf("all %d entries are in the tree\n", tree.N)
	if len(os.Args) > 3 {
		return checkKept(os.Args[3], key, tree, hashes)
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
