// Lists a tar as archive/tar sees it, the reader of Docker and containerd: a line of JSON for each entry.
package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// Byte strings become base64.
type entry struct {
	Name     []byte
	Type     string
	Mode     int64
	UID, GID int
	Size     int64
	Seconds  int64
	Nanos    int
	Link     []byte
	Major    int64
	Minor    int64
	Xattrs   []xattr
	SHA256   string
}

type xattr struct{ Name, Value []byte }

const prefix = "SCHILY.xattr."

func describe(header *tar.Header, body io.Reader) (entry, error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, body); err != nil {
		return entry{}, err
	}
	found := entry{
		Name: []byte(header.Name), Type: string(header.Typeflag), Mode: header.Mode, UID: header.Uid, GID: header.Gid,
		Size: header.Size, Seconds: header.ModTime.Unix(), Nanos: header.ModTime.Nanosecond(), Link: []byte(header.Linkname),
		Major: header.Devmajor, Minor: header.Devminor, Xattrs: []xattr{}, SHA256: hex.EncodeToString(hash.Sum(nil)),
	}
	for key, value := range header.PAXRecords {
		if strings.HasPrefix(key, prefix) {
			found.Xattrs = append(found.Xattrs, xattr{[]byte(strings.TrimPrefix(key, prefix)), []byte(value)})
		}
	}
	return found, nil
}

func list(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	reader := tar.NewReader(file)
	output := json.NewEncoder(os.Stdout)
	for {
		header, err := reader.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		found, err := describe(header, reader)
		if err != nil {
			return err
		}
		if err := output.Encode(found); err != nil {
			return err
		}
	}
}

func main() {
	if err := list(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
