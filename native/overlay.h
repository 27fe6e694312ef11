#pragma once

#include "arguments.h"
#include "results.h"

namespace graphdriver {

// 1: the directory is the upper of a live overlay; 0: not. `scratch`: an empty directory for the
// question's own upper; null: on a tmpfs of a moment. Step: 0 open, 1 fsopen, 2 fsconfig, 3
// fsmount, 4 mkdirat.
ContextResult OverlayInUse(Text directory, MaybeText scratch);

// Mounts an overlay where nothing is in the way, in one job; else does nothing, and answers a
// negative errno. `upper` and `work`: null for one that is read-only.
int32_t MountOverlay(MaybeText upper, MaybeText work, Text target, uint32_t flags, Text data);
void UndoMountOverlay(const int32_t& result, MaybeText upper, MaybeText work, Text target,
                      uint32_t flags, Text data);

// The same by fsopen, fsconfig, fsmount and move_mount: the settings and attributes of NewMount().
int32_t MountNewOverlay(MaybeText upper, MaybeText work, Text target, Numbers32 commands,
                        Bytes words, uint32_t attributes);
void UndoMountNewOverlay(const int32_t& result, MaybeText upper, MaybeText work, Text target,
                         Numbers32 commands, Bytes words, uint32_t attributes);

}  // namespace graphdriver
