// What glibc's C++ library asks for and musl does not have: as little as a program needs that is not built for that library.
// Under the name of glibc's loader, which that library names among what it needs.
#include <locale.h>
#include <stddef.h>
#include <sys/random.h>
#include <time.h>

char __libc_single_threaded = 0;

unsigned int arc4random(void) {
  unsigned int value = 0;
  getrandom(&value, sizeof value, 0);
  return value;
}

size_t __strftime_l(char *to, size_t size, const char *format, const struct tm *when, locale_t locale) {
  return strftime_l(to, size, format, when, locale);
}

// Not found: the unwinder then goes through the list of loaded objects.
int _dl_find_object(void *address, void *result) {
  (void)address;
  (void)result;
  return -1;
}

// What a thread would destroy at its end stays.
int __cxa_thread_atexit_impl(void (*function)(void *), void *argument, void *object) {
  (void)function;
  (void)argument;
  (void)object;
  return 0;
}

int __cpu_indicator_init(void) { return 0; }

struct {
  unsigned int vendor, type, subtype, features;
} __cpu_model;
