#include "tarheader.h"

namespace graphdriver {

namespace {

// Offsets and sizes of the fields (pax(1), "ustar Interchange Format").
struct Field {
  size_t offset;
  size_t size;
};
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kUid{108, 8};
constexpr Field kGid{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kTime{136, 12};
constexpr Field kChecksum{148, 8};
constexpr size_t kType = 156;
constexpr Field kLink{157, 100};
constexpr size_t kMagic = 257;
constexpr Field kMajor{329, 8};
constexpr Field kMinor{337, 8};
constexpr Field kPrefix{345, 155};

constexpr uint64_t kMostId = 07777777;
constexpr uint64_t kMostSize = 077777777777;
constexpr size_t kDecimal = 20;

bool IsAscii(const char* text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (static_cast<unsigned char>(text[i]) >= 0x80) return false;
  }
  return true;
}

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(const char* text, size_t size) {
  const unsigned char* at = reinterpret_cast<const unsigned char*>(text);
  const unsigned char* end = at + size;
  while (at < end) {
    unsigned first = *at++;
    if (first < 0x80) continue;
    int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || end - at < more) return false;
    unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (*at < low || *at > high) return false;
    for (at++; more > 1; more--, at++) {
      if ((*at & 0xc0) != 0x80) return false;
    }
  }
  return true;
}

size_t Decimal(char* digits, uint64_t value) {
  char reversed[kDecimal];
  size_t count = 0;
  do {
    reversed[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value > 0);
  for (size_t i = 0; i < count; i++) digits[i] = reversed[count - 1 - i];
  return count;
}

size_t Digits(uint64_t value) {
  char digits[kDecimal];
  return Decimal(digits, value);
}

bool AppendNumber(Buffer* records, const char* key, uint64_t value) {
  char digits[kDecimal];
  size_t size = Decimal(digits, value);
  return AppendPaxRecord(records, key, "", digits, size);
}

// Seconds with as many digits of the fraction as there are.
bool AppendTime(Buffer* records, const TarHeader& entry) {
  int64_t seconds = entry.seconds;
  uint32_t rest = entry.nanoseconds;
  char text[1 + kDecimal + 10];
  size_t size = 0;
  if (seconds < 0) {
    text[size++] = '-';
    // -1.25 is the second -2 and 750,000,000 nanoseconds.
    if (rest > 0) {
      seconds++;
      rest = 1000000000 - rest;
    }
  }
  uint64_t whole =
      seconds < 0 ? uint64_t{0} - static_cast<uint64_t>(seconds) : static_cast<uint64_t>(seconds);
  size += Decimal(text + size, whole);
  if (rest > 0) {
    text[size++] = '.';
    for (uint32_t unit = 100000000; rest > 0; unit /= 10) {
      text[size++] = static_cast<char>('0' + rest / unit);
      rest %= unit;
    }
  }
  return AppendPaxRecord(records, "mtime", "", text, size);
}

void PutText(char* block, Field field, const char* text, size_t size) {
  memcpy(block + field.offset, text, size < field.size ? size : field.size);
}

// Ended by a NUL.
void PutOctal(char* block, Field field, uint64_t value) {
  for (size_t i = field.size - 1; i-- > 0; value >>= 3) {
    block[field.offset + i] = static_cast<char>('0' + (value & 7));
  }
}

// GNU tar's form of what octal digits do not hold: big-endian, the highest bit set.
void PutBase256(char* block, Field field, uint64_t value) {
  for (size_t i = field.size; i-- > 0; value >>= 8) {
    block[field.offset + i] = static_cast<char>(value & 0xff);
  }
  block[field.offset] = static_cast<char>(0x80);
}

void PutChecksum(char* block) {
  memset(block + kChecksum.offset, ' ', kChecksum.size);
  unsigned sum = 0;
  for (size_t i = 0; i < kTarBlock; i++) sum += static_cast<unsigned char>(block[i]);
  PutOctal(block, {kChecksum.offset, 7}, sum);
  block[kChecksum.offset + 6] = 0;
}

// Where a name divides into a prefix and a name that fit their fields: the first slash that does;
// 0: nowhere.
size_t Divide(const char* name, size_t size) {
  size_t from = size - kName.size - 1;
  for (size_t i = from > 0 ? from : 1; i < size - 1 && i <= kPrefix.size; i++) {
    if (name[i] == '/') return i;
  }
  return 0;
}

struct Placed {
  bool pax;
  // Bytes of the name in the prefix field; the slash behind it is not stored.
  size_t prefix;
};

Placed PlaceName(const TarHeader& entry) {
  const char* name = entry.name;
  size_t size = entry.name_size;
  bool ascii = IsAscii(name, size);
  if (size <= kName.size) return {!ascii && IsUtf8(name, size), 0};
  size_t prefix = ascii ? Divide(name, size) : 0;
  return {prefix == 0, prefix};
}

bool LinkNeedsPax(const TarHeader& entry) {
  const char* link = entry.link;
  size_t size = entry.link_size;
  return size > kLink.size || (!IsAscii(link, size) && IsUtf8(link, size));
}

bool TimeNeedsPax(const TarHeader& entry) {
  return entry.nanoseconds != 0 || entry.seconds < 0 ||
         static_cast<uint64_t>(entry.seconds) > kMostSize;
}

bool AppendRecords(Buffer* records, const TarHeader& entry, bool path, const Buffer& xattrs) {
  return (!path || AppendPaxRecord(records, "path", "", entry.name, entry.name_size)) &&
         (!LinkNeedsPax(entry) ||
          AppendPaxRecord(records, "linkpath", "", entry.link, entry.link_size)) &&
         (entry.size <= kMostSize || AppendNumber(records, "size", entry.size)) &&
         (entry.uid <= kMostId || AppendNumber(records, "uid", entry.uid)) &&
         (entry.gid <= kMostId || AppendNumber(records, "gid", entry.gid)) &&
         (!TimeNeedsPax(entry) || AppendTime(records, entry)) &&
         records->Append(xattrs.data(), xattrs.size());
}

void PutBlock(char* block, const TarHeader& entry, size_t prefix) {
  memset(block, 0, kTarBlock);
  size_t skipped = prefix == 0 ? 0 : prefix + 1;
  PutText(block, kName, entry.name + skipped, entry.name_size - skipped);
  PutText(block, kPrefix, entry.name, prefix);
  PutText(block, kLink, entry.link, entry.link_size);
  PutOctal(block, kMode, entry.mode & 07777);
  PutOctal(block, kUid, entry.uid < kMostId ? entry.uid : kMostId);
  PutOctal(block, kGid, entry.gid < kMostId ? entry.gid : kMostId);
  if (entry.size > kMostSize) {
    PutBase256(block, kSize, entry.size);
  } else {
    PutOctal(block, kSize, entry.size);
  }
  uint64_t seconds = entry.seconds < 0 ? 0 : static_cast<uint64_t>(entry.seconds);
  PutOctal(block, kTime, seconds < kMostSize ? seconds : kMostSize);
  block[kType] = entry.type;
  // The magic with its NUL, and the version.
  memcpy(block + kMagic, "ustar\00000", 8);
  PutOctal(block, kMajor, entry.major);
  PutOctal(block, kMinor, entry.minor);
  PutChecksum(block);
}

bool AppendBlock(Buffer* blocks, const TarHeader& entry, size_t prefix) {
  if (!blocks->Reserve(blocks->size() + kTarBlock)) return false;
  PutBlock(blocks->data() + blocks->size(), entry, prefix);
  blocks->SetSize(blocks->size() + kTarBlock);
  return true;
}

}  // namespace

bool AppendPaxRecord(Buffer* records, const char* key, const char* key_rest, const void* value,
                     size_t size) {
  size_t key_size = strlen(key);
  size_t rest_size = strlen(key_rest);
  // The blank, the equals sign and the newline.
  size_t without = key_size + rest_size + size + 3;
  size_t length = without + Digits(without);
  // One digit more may have made it a digit longer.
  length = without + Digits(length);
  char digits[kDecimal];
  return records->Append(digits, Decimal(digits, length)) && records->Append(' ') &&
         records->Append(key, key_size) && records->Append(key_rest, rest_size) &&
         records->Append('=') && records->Append(value, size) && records->Append('\n');
}

bool AppendTarHeader(Buffer* blocks, const TarHeader& entry, const Buffer& xattrs) {
  Placed placed = PlaceName(entry);
  size_t begin = blocks->size();
  // Room for the extended header's own header; filled when its size is known.
  if (!blocks->Reserve(begin + 4 * kTarBlock)) return false;
  blocks->SetSize(begin + kTarBlock);
  if (!AppendRecords(blocks, entry, placed.pax, xattrs)) return false;
  size_t size = blocks->size() - begin - kTarBlock;
  if (size == 0) {
    blocks->SetSize(begin);
    return AppendBlock(blocks, entry, placed.prefix);
  }
  TarHeader extended;
  extended.type = 'x';
  extended.name = "PaxHeader";
  extended.name_size = strlen(extended.name);
  extended.mode = 0644;
  extended.size = size;
  PutBlock(blocks->data() + begin, extended, 0);
  size_t padding = TarPadding(size);
  if (!blocks->Reserve(blocks->size() + padding)) return false;
  memset(blocks->data() + blocks->size(), 0, padding);
  blocks->SetSize(blocks->size() + padding);
  return AppendBlock(blocks, entry, placed.prefix);
}

}  // namespace graphdriver
