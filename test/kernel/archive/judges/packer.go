// Packs a tree with archive/tar, the writer of Docker and containerd: packer FORMAT TREE > TAR.
package main

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

var formats = map[string]tar.Format{"pax": tar.FormatPAX, "gnu": tar.FormatGNU, "ustar": tar.FormatUSTAR}

func attributes(path string) map[string]string {
	names := make([]byte, 65536)
	// The library has no llistxattr(2): of links there are none here.
	size, err := syscall.Listxattr(path, names)
	if err != nil || size == 0 {
		return nil
	}
	records := map[string]string{}
	for _, name := range strings.Split(strings.TrimSuffix(string(names[:size]), "\x00"), "\x00") {
		value := make([]byte, 65536)
		length, err := syscall.Getxattr(path, name, value)
		if err == nil {
			records["SCHILY.xattr."+name] = string(value[:length])
		}
	}
	return records
}

func describe(path, name string, info os.FileInfo, format tar.Format, seen map[uint64]string) (*tar.Header, error) {
	target, _ := os.Readlink(path)
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return nil, err
	}
	header.Format, header.Name, header.Uname, header.Gname = format, name, "", ""
	if info.IsDir() {
		header.Name += "/"
	} else if stat := info.Sys().(*syscall.Stat_t); stat.Nlink > 1 {
		if first, known := seen[stat.Ino]; known {
			header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
		} else {
			seen[stat.Ino] = name
		}
	}
	if format == tar.FormatPAX && info.Mode().IsRegular() {
		header.PAXRecords = attributes(path)
	}
	if format != tar.FormatPAX {
		header.ModTime = header.ModTime.Truncate(1e9)
	}
	return header, nil
}

func pack(format tar.Format, root string) error {
	writer := tar.NewWriter(os.Stdout)
	seen := map[uint64]string{}
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil || path == root {
			return err
		}
		name, _ := filepath.Rel(root, path)
		header, err := describe(path, name, info, format, seen)
		if err != nil {
			return err
		}
		// They would need PAX.
		header.AccessTime, header.ChangeTime = time.Time{}, time.Time{}
		if err := writer.WriteHeader(header); err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			return nil
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(writer, file)
		return err
	})
	if err != nil {
		return err
	}
	return writer.Close()
}

func main() {
	if err := pack(formats[os.Args[1]], os.Args[2]); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}
