// A layer's metadata and its parent's, in one job.
#include "chain.h"

#include "file.h"
#include "system.h"

namespace graphdriver {

namespace {

constexpr size_t kLongestName = 255;

// The first line of a text, if it can be the name of a file beside it. Blank lines do not count.
bool NameIn(const Buffer& text, char (&name)[kLongestName + 1]) {
  const char* begin = text.data();
  const char* end = begin + text.size();
  while (begin < end && *begin == '\n') begin++;
  const char* at = begin;
  while (at < end && *at != '\n' && *at != '/' && *at != 0) at++;
  size_t size = static_cast<size_t>(at - begin);
  if (at == end || *at != '\n' || size == 0 || size > kLongestName || *begin == '.') return false;
  memcpy(name, begin, size);
  name[size] = 0;
  return true;
}

}  // namespace

FilePair ReadPair(Text directory, Text name, int64_t limit) {
  FilePair pair;
  pair.second.error = -ENOENT;
  constexpr int kFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  Descriptor place(
      CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(directory.data), kFlags));
  if (place.failed()) {
    pair.first.error = place.get();
    return pair;
  }
  pair.first = ReadFile(place.get(), name, limit);
  char next[kLongestName + 1];
  if (pair.first.error == 0 && NameIn(pair.first.bytes, next))
    pair.second = ReadFile(place.get(), {next, strlen(next)}, limit);
  return pair;
}

napi_value Encode(napi_env env, const FilePair& result) {
  if (result.first.error != 0) return Encode(env, result.first.error);
  const Blob* blobs[] = {&result.first, &result.second};
  napi_value array;
  if (napi_create_array(env, &array) != napi_ok) return nullptr;
  for (uint32_t at = 0; at < 2 && blobs[at]->error == 0; at++) {
    const Buffer& bytes = blobs[at]->bytes;
    napi_value text;
    const char* data = bytes.size() == 0 ? "" : bytes.data();
    if (napi_create_string_latin1(env, data, bytes.size(), &text) != napi_ok ||
        napi_set_element(env, array, at, text) != napi_ok)
      return nullptr;
  }
  return array;
}

}  // namespace graphdriver
