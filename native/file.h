#pragma once

#include "arguments.h"
#include "results.h"

namespace graphdriver {

Fd Openat2(int32_t directory, Text path, int64_t flags, uint32_t mode, uint32_t resolve);
int32_t Close(int32_t fd);
int32_t Mkdirat(int32_t directory, Text path, uint32_t mode);
int32_t Unlinkat(int32_t directory, Text path, int32_t flags);
int32_t Renameat2(int32_t old_directory, Text old_path, int32_t new_directory, Text new_path,
                  uint32_t flags);
int32_t Mknodat(int32_t directory, Text path, uint32_t mode, uint32_t major, uint32_t minor);
int32_t Utimensat(int32_t directory, Text path, MaybeTime atime, MaybeTime mtime, int32_t flags);
int32_t Syncfs(int32_t fd);
Blob ReadFile(int32_t directory, Text path, int64_t limit);

}  // namespace graphdriver
