// The filesystem context, from opening to mount, as one job: a hop a setting would cost more than
// the settings, and the context's descriptor must not get out before the kernel's words were read
// from it.
#include "newmount.h"

#include "kernel.h"
#include "system.h"

namespace graphdriver {

namespace {

// Reads what the kernel wrote to the context: one message a read, until ENODATA (fs/fsopen.c,
// fscontext_read).
void ReadLog(int context, Buffer* log) {
  char message[4096];
  for (int i = 0; i < 64; i++) {
    long size = CallAgain(SYS_read, context, static_cast<void*>(message), sizeof message);
    // A message longer than the buffer is gone; the next may fit.
    if (size == -EMSGSIZE) continue;
    if (size <= 0) return;
    if (message[size - 1] == '\n') size--;
    if (log->size() > 0 && !log->Append('\n')) return;
    if (!log->Append(message, static_cast<size_t>(size))) return;
  }
}

ContextResult Failed(long error, size_t step, int context) {
  ContextResult result;
  result.value = static_cast<int>(error);
  result.step = static_cast<int>(step);
  if (context >= 0) ReadLog(context, &result.log);
  return result;
}

// [command, aux] pairs, and `key NUL value NUL` for each.
bool IsWellFormed(Numbers32 commands, Bytes words) {
  if (commands.size % 2 != 0) return false;
  size_t ends = 0;
  for (size_t i = 0; i < words.size; i++) ends += words.data[i] == 0;
  if (ends != commands.size) return false;
  return words.size == 0 || words.data[words.size - 1] == 0;
}

// Answers the errno of one setting.
long Apply(int context, int command, int aux, const char* key, const char* value) {
  switch (command) {
    case kSetFlag:
      return CallAgain(SYS_fsconfig, context, command, static_cast<const void*>(key), nullptr, 0);
    case kSetString:
      return CallAgain(SYS_fsconfig, context, command, static_cast<const void*>(key),
                       static_cast<const void*>(value), 0);
    case kSetPath:
    case kSetPathEmpty:
      return CallAgain(SYS_fsconfig, context, command, static_cast<const void*>(key),
                       static_cast<const void*>(value), aux);
    case kSetFd:
      return CallAgain(SYS_fsconfig, context, command, static_cast<const void*>(key), nullptr, aux);
    default:
      // Creating and reconfiguring are steps of their own.
      return -EINVAL;
  }
}

// Answers 0, or the errno of the setting that failed; `step` counts from 1.
long ApplyAll(int context, Numbers32 commands, Bytes words, size_t* step) {
  const char* word = reinterpret_cast<const char*>(words.data);
  for (size_t i = 0; i < commands.size / 2; i++) {
    const char* key = word;
    const char* value = key + strlen(key) + 1;
    word = value + strlen(value) + 1;
    *step = i + 1;
    long error = Apply(context, commands.data[2 * i], commands.data[2 * i + 1], key, value);
    if (error != 0) return error;
  }
  *step = commands.size / 2 + 1;
  return 0;
}

}  // namespace

ContextResult NewMount(Text type, Numbers32 commands, Bytes words, uint32_t flags,
                       int64_t attributes) {
  if (!IsWellFormed(commands, words)) return Failed(-EINVAL, 0, -1);
  Descriptor context(
      CallAgain(SYS_fsopen, static_cast<const void*>(type.data), flags | kFsopenCloexec));
  if (context.failed()) return Failed(context.get(), 0, -1);
  size_t step;
  long error = ApplyAll(context.get(), commands, words, &step);
  if (error == 0) error = Call(SYS_fsconfig, context.get(), kCommandCreate, nullptr, nullptr, 0);
  if (error != 0) return Failed(error, step, context.get());
  ContextResult result;
  if (attributes < 0) return result;
  long mount = Call(SYS_fsmount, context.get(), kFsmountCloexec, attributes);
  if (mount < 0) return Failed(mount, step + 1, context.get());
  result.value = static_cast<int>(mount);
  result.holds_fd = true;
  return result;
}

ContextResult Reconfigure(int32_t directory, Text path, uint32_t flags, Numbers32 commands,
                          Bytes words) {
  if (!IsWellFormed(commands, words)) return Failed(-EINVAL, 0, -1);
  Descriptor context(CallAgain(SYS_fspick, directory, static_cast<const void*>(path.data),
                               flags | kFspickCloexec));
  if (context.failed()) return Failed(context.get(), 0, -1);
  size_t step;
  long error = ApplyAll(context.get(), commands, words, &step);
  if (error == 0)
    error = Call(SYS_fsconfig, context.get(), kCommandReconfigure, nullptr, nullptr, 0);
  return error == 0 ? ContextResult{} : Failed(error, step, context.get());
}

}  // namespace graphdriver
