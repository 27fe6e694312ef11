#include "tarpax.h"

#include <string.h>

namespace graphdriver {

namespace {

constexpr uint64_t kMostId = UINT32_MAX - uint64_t{1};
constexpr uint64_t kMostSize = (uint64_t{1} << 53) - 1;
constexpr char kXattrPrefix[] = "SCHILY.xattr.";
constexpr size_t kXattrPrefixSize = sizeof kXattrPrefix - 1;

template <size_t kSize>
bool Is(TarText key, const char (&word)[kSize]) {
  return key.size == kSize - 1 && memcmp(key.data, word, kSize - 1) == 0;
}

template <size_t kSize>
bool Begins(TarText key, const char (&word)[kSize]) {
  return key.size >= kSize - 1 && memcmp(key.data, word, kSize - 1) == 0;
}

bool HasNul(TarText text) {
  return text.size > 0 && memchr(text.data, 0, text.size) != nullptr;
}

// "LENGTH KEY=VALUE\n", where LENGTH counts all of it. Cuts the record off `rest`.
bool CutRecord(TarText* rest, TarText* key, TarText* value) {
  size_t digits = 0;
  size_t length = 0;
  while (digits < rest->size && rest->data[digits] >= '0' && rest->data[digits] <= '9') {
    // No block is longer.
    if (digits == 9) return false;
    length = length * 10 + static_cast<size_t>(rest->data[digits] - '0');
    digits++;
  }
  if (digits == 0 || rest->data[0] == '0' || length > rest->size || length < digits + 3)
    return false;
  const char* record = rest->data;
  if (record[digits] != ' ' || record[length - 1] != '\n') return false;
  const char* begin = record + digits + 1;
  const void* equals = memchr(begin, '=', static_cast<size_t>(record + length - 1 - begin));
  if (equals == nullptr) return false;
  const char* sign = static_cast<const char*>(equals);
  *key = {begin, static_cast<size_t>(sign - begin)};
  *value = {sign + 1, static_cast<size_t>(record + length - 1 - (sign + 1))};
  rest->data += length;
  rest->size -= length;
  return key->size > 0 && !HasNul(*key);
}

// "%3D" and "%25" stand for what a key cannot hold (GNU tar, libarchive). Shortens the name in
// place.
size_t DecodeName(char* name, size_t size) {
  size_t to = 0;
  for (size_t at = 0; at < size; at++) {
    char byte = name[at];
    if (byte == '%' && size - at > 2) {
      bool equals = name[at + 1] == '3' && name[at + 2] == 'D';
      if (equals || (name[at + 1] == '2' && name[at + 2] == '5')) {
        byte = equals ? '=' : '%';
        at += 2;
      }
    }
    name[to++] = byte;
  }
  return to;
}

bool NamesTheEntry(TarText key) {
  return Is(key, "path") || Is(key, "linkpath") || Is(key, "size");
}

}  // namespace

void PaxRecords::Clear() {
  has_size = has_uid = has_gid = has_mtime = false;
  unread_ = 0;
  path_ = link_ = {};
  while (xattrs_.size() > 0) xattrs_.Pop();
}

TarFault PaxRecords::AddXattr(TarText name, TarText value, const TarLimits& limits) {
  name.size = DecodeName(const_cast<char*>(name.data), name.size);
  if (name.size == 0) return TarFault::kPaxValue;
  if (name.size > limits.xattr_name) return TarFault::kXattrName;
  if (value.size > limits.xattr_value) return TarFault::kXattrValue;
  for (size_t i = 0; i < xattrs_.size(); i++) {
    TarXattr* known = &xattrs_.At(i);
    if (known->name.size != name.size || memcmp(known->name.data, name.data, name.size) != 0)
      continue;
    known->value = value;
    return TarFault::kNone;
  }
  if (xattrs_.size() >= limits.xattrs) return TarFault::kXattrs;
  return xattrs_.Push({name, value}) ? TarFault::kNone : TarFault::kNoMemory;
}

TarFault PaxRecords::Text(TarText key, TarText value, bool* known) {
  TarText* place = Is(key, "path") ? &path_ : Is(key, "linkpath") ? &link_ : nullptr;
  *known = place != nullptr || Is(key, "uname") || Is(key, "gname");
  if (!*known) return TarFault::kNone;
  if (HasNul(value)) return TarFault::kPaxValue;
  if (place != nullptr) *place = value.size > 0 ? value : TarText{};
  return TarFault::kNone;
}

TarFault PaxRecords::Number(TarText key, TarText value, bool* known) {
  bool is_size = Is(key, "size");
  bool is_uid = Is(key, "uid");
  *known = is_size || is_uid || Is(key, "gid");
  if (!*known) return TarFault::kNone;
  bool* has = is_size ? &has_size : is_uid ? &has_uid : &has_gid;
  uint64_t* place = is_size ? &size : is_uid ? &uid : &gid;
  *has = value.size > 0;
  bool good = value.size == 0 || ParseDecimal(value, is_size ? kMostSize : kMostId, place);
  return good ? TarFault::kNone : TarFault::kPaxValue;
}

TarFault PaxRecords::Time(TarText key, TarText value, bool* known) {
  bool is_mtime = Is(key, "mtime");
  *known = is_mtime || Is(key, "atime") || Is(key, "ctime");
  if (!*known) return TarFault::kNone;
  if (is_mtime) has_mtime = value.size > 0;
  if (value.size == 0) return TarFault::kNone;
  TarTime time;
  bool fits;
  if (!ParsePaxTime(value, &time, &fits) || (is_mtime && !fits)) return TarFault::kPaxValue;
  if (is_mtime) mtime = time;
  return TarFault::kNone;
}

void PaxRecords::NoteUnread(TarText key, bool has_value) {
  for (size_t i = 0; i < sizeof kUnreadKeys / sizeof *kUnreadKeys; i++) {
    size_t size = strlen(kUnreadKeys[i]);
    if (key.size != size || memcmp(key.data, kUnreadKeys[i], size) != 0) continue;
    uint32_t bit = uint32_t{1} << i;
    unread_ = has_value ? unread_ | bit : unread_ & ~bit;
  }
}

// A record of a key replaces an earlier one; without a value it takes it away.
TarFault PaxRecords::Apply(TarText key, TarText value, const TarLimits& limits) {
  if (Begins(key, kXattrPrefix)) {
    TarText name{key.data + kXattrPrefixSize, key.size - kXattrPrefixSize};
    // An attribute may be empty: GNU tar keeps such a record.
    return AddXattr(name, value, limits);
  }
  // The body of such an entry is a map and what lies between the holes.
  if (Begins(key, "GNU.sparse.")) return TarFault::kSparse;
  bool known = false;
  TarFault fault = Text(key, value, &known);
  if (!known) fault = Number(key, value, &known);
  if (!known) fault = Time(key, value, &known);
  if (!known) NoteUnread(key, value.size > 0);
  return fault;
}

TarFault PaxRecords::Parse(char* data, size_t size, const TarLimits& limits, bool global) {
  Clear();
  TarText rest{data, size};
  for (uint64_t count = 0; rest.size > 0; count++) {
    TarText key;
    TarText value;
    if (count == limits.pax_records) return TarFault::kPaxRecords;
    if (!CutRecord(&rest, &key, &value)) return TarFault::kPaxSyntax;
    // Some readers would take these for every entry that follows, others for none.
    if (global && NamesTheEntry(key)) return TarFault::kPaxGlobal;
    TarFault fault = Apply(key, value, limits);
    if (fault != TarFault::kNone) return fault;
  }
  if (global) Clear();
  return TarFault::kNone;
}

}  // namespace graphdriver
