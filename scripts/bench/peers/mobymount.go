// mobymount <directory> <options> <count>: in the directory, mounts and unmounts an overlay at `mnt` so many times, by mount.Mount and
// mount.Unmount of moby/sys; writes to descriptor 3 how many nanoseconds that took.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/moby/sys/mount"
)

func main() {
	count, err := strconv.Atoi(os.Args[3])
	if err == nil {
		err = os.Chdir(os.Args[1])
	}
	if err != nil {
		log.Fatal(err)
	}
	began := time.Now()
	for at := 0; at < count; at++ {
		if err := mount.Mount("overlay", "mnt", "overlay", os.Args[2]); err != nil {
			log.Fatal(err)
		}
		if err := mount.Unmount("mnt"); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Fprintln(os.NewFile(3, "3"), time.Since(began).Nanoseconds())
}
