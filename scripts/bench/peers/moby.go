// moby mounted <path> <count>: asks so many times whether something is mounted at the path; moby table <count>: reads the table of mounts so many
// times. Writes to descriptor 3 how many nanoseconds that took.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/moby/sys/mountinfo"
)

func main() {
	count, err := strconv.Atoi(os.Args[len(os.Args)-1])
	if err != nil {
		log.Fatal(err)
	}
	began := time.Now()
	for at := 0; at < count; at++ {
		if os.Args[1] == "mounted" {
			mounted, err := mountinfo.Mounted(os.Args[2])
			if err != nil || !mounted {
				log.Fatal("not mounted: ", err)
			}
		} else if _, err := mountinfo.GetMounts(nil); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Fprintln(os.NewFile(3, "3"), time.Since(began).Nanoseconds())
}
