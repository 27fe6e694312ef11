// The operators that node-addon-api and deleting destructors refer to, hidden: this binary links no
// C++ library, and must not take the place of the process's own.
#ifndef GRAPHDRIVER_HOSTED

#include <stddef.h>
#include <stdlib.h>

// The implicit declarations have default visibility, which an attribute can no longer change.
__asm__(".hidden _Znwm");
__asm__(".hidden _Znam");
__asm__(".hidden _ZdlPv");
__asm__(".hidden _ZdaPv");
__asm__(".hidden _ZdlPvm");
__asm__(".hidden _ZdaPvm");

void* operator new(size_t size) {
  void* memory = malloc(size);
  if (memory == nullptr) __builtin_trap();
  return memory;
}
void* operator new[](size_t size) {
  return operator new(size);
}
void operator delete(void* memory) noexcept {
  free(memory);
}
void operator delete[](void* memory) noexcept {
  free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  free(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  free(memory);
}

#endif
