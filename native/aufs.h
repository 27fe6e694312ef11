// What only aufs can be asked, fs/aufs/ioctl.c and sysaufs.c of the aufs tree.
#pragma once

#include "arguments.h"
#include "results.h"

namespace graphdriver {

// The branches of the union that a directory is in: rows of id, permission bits and [start, end)
// of the path in the text, in which the kernel has escaped some bytes.
Table AufsBranches(int32_t directory, Text path);

// The names of the live unions by sysfs, a NUL after each. What is in their directories there is
// not read, ever: while a union is being unmounted, that crashes the kernel (aufs_kill_sb takes
// away the superblock that sysaufs_si_show then looks at).
Blob AufsUnions(Text directory);

}  // namespace graphdriver
