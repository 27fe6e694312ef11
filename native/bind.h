#pragma once

#include "arguments.h"
#include "results.h"

namespace graphdriver {

// A copy of a mount, with its attributes, at another place: nobody sees it without them. `below`:
// with the mounts below it; then `all_set` and `all_clear` are of all of them. Step: 0 open_tree, 1
// mount_setattr, 2 move_mount.
ContextResult BindCopy(Text source, Text target, bool below, uint64_t set, uint64_t clear,
                       uint64_t all_set, uint64_t all_clear);
void UndoBindCopy(const ContextResult& result, Text source, Text target, bool below, uint64_t set,
                  uint64_t clear, uint64_t all_set, uint64_t all_clear);

}  // namespace graphdriver
