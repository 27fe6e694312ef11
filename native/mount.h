#pragma once

#include "arguments.h"
#include "results.h"
#include "system.h"

namespace graphdriver {

int32_t Mount(MaybeText source, Text target, MaybeText type, uint32_t flags, MaybeText data);
int32_t MountAt(Text directory, MaybeText source, Text target, MaybeText type, uint32_t flags,
                MaybeText data);
int32_t Umount2(Text target, int32_t flags);
Fd OpenTree(int32_t directory, Text path, uint32_t flags);
int32_t MountSetattr(int32_t directory, Text path, uint32_t flags, uint64_t set, uint64_t clear,
                     uint64_t propagation, int32_t userns);

// `held`: the detached mount that was moved, so that it can be found again.
struct Moved {
  int32_t error = 0;
  Descriptor held;
};
Moved MoveMount(int32_t from_directory, Text from, int32_t to_directory, Text to, uint32_t flags);
napi_value Encode(napi_env env, const Moved& result);

void UndoMount(const int32_t& result, MaybeText source, Text target, MaybeText type, uint32_t flags,
               MaybeText data);
void UndoMountAt(const int32_t& result, Text directory, MaybeText source, Text target,
                 MaybeText type, uint32_t flags, MaybeText data);
void UndoMoveMount(const Moved& result, int32_t from_directory, Text from, int32_t to_directory,
                   Text to, uint32_t flags);

}  // namespace graphdriver
