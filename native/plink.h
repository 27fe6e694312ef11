// Pseudo-links of aufs: fs/aufs/plink.c and procfs.c of the aufs tree.
#pragma once

#include "arguments.h"
#include "results.h"

namespace graphdriver {

// Gives every name of a file that is pseudo-linked its place in the writable branch; answers how
// many names it touched.
//
// Where a file has several names on a lower branch and is written through one of them, aufs copies
// that name up and notes in memory which file the others are. Unmounting forgets it, and the
// others show what is below again. `branches`: the writable ones, a NUL after each.
//
// With a union's number (`si` of its mount options) the kernel's notes are dropped then, and with
// them the links that it keeps in the branches. That takes a maintenance mode, in which the union
// belongs to one thread and whoever else works there waits or is told EAGAIN: so the tree is
// walked before, and in that mode again only for what has come since. Failures to open the file of
// that mode ("open") or to write to it ("write") come when every name has its place.
TreeResult AufsFlush(int32_t directory, Text path, Bytes branches, MaybeText si);

}  // namespace graphdriver
