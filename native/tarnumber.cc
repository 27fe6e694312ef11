#include "tarnumber.h"

#include <string.h>

namespace graphdriver {

namespace {

constexpr size_t kChecksumAt = 148;
constexpr size_t kChecksumSize = 8;
constexpr uint32_t kBillion = 1'000'000'000;

bool IsDigit(char byte) {
  return byte >= '0' && byte <= '9';
}

bool ParseBase256(const unsigned char* field, size_t size, int64_t* value) {
  bool negative = field[0] == 0xff;
  unsigned char filler = negative ? 0xff : 0;
  size_t at = 1;
  for (; size - at > sizeof(int64_t); at++) {
    if (field[at] != filler) return false;
  }
  uint64_t bits = negative ? UINT64_MAX : 0;
  for (; at < size; at++) bits = bits << 8 | field[at];
  *value = static_cast<int64_t>(bits);
  return (*value < 0) == negative;
}

bool ParseOctal(const char* field, size_t size, int64_t* value) {
  size_t at = 0;
  uint64_t sum = 0;
  while (at < size && field[at] == ' ') at++;
  // The longest field has 12 digits of 3 bits.
  for (; at < size && field[at] >= '0' && field[at] <= '7'; at++) {
    sum = sum << 3 | static_cast<uint64_t>(field[at] - '0');
  }
  for (; at < size; at++) {
    if (field[at] != 0 && field[at] != ' ') return false;
  }
  *value = static_cast<int64_t>(sum);
  return true;
}

// The digits from `*at` on, at most nine of them as billionths. `rest`: others that are not zero
// follow.
uint32_t Billionths(TarText text, size_t* at, bool* rest) {
  uint32_t sum = 0;
  int count = 0;
  *rest = false;
  for (; *at < text.size && IsDigit(text.data[*at]); ++*at, count++) {
    uint32_t digit = static_cast<uint32_t>(text.data[*at] - '0');
    if (count < 9) {
      sum = sum * 10 + digit;
    } else if (digit != 0) {
      *rest = true;
    }
  }
  for (; count < 9; count++) sum *= 10;
  return sum;
}

}  // namespace

bool ParseTarNumber(const char* field, size_t size, int64_t* value) {
  unsigned char first = static_cast<unsigned char>(field[0]);
  if (first == 0x80 || first == 0xff)
    return ParseBase256(reinterpret_cast<const unsigned char*>(field), size, value);
  return ParseOctal(field, size, value);
}

bool ParseDecimal(TarText text, uint64_t most, uint64_t* value) {
  if (text.size == 0) return false;
  uint64_t sum = 0;
  for (size_t i = 0; i < text.size; i++) {
    if (!IsDigit(text.data[i])) return false;
    uint64_t digit = static_cast<uint64_t>(text.data[i] - '0');
    if (sum > (most - digit) / 10) return false;
    sum = sum * 10 + digit;
  }
  *value = sum;
  return true;
}

bool ParsePaxTime(TarText text, TarTime* time, bool* fits) {
  size_t at = 0;
  bool negative = text.size > 0 && text.data[0] == '-';
  if (negative) at++;
  size_t begin = at;
  uint64_t seconds = 0;
  *fits = true;
  for (; at < text.size && IsDigit(text.data[at]); at++) {
    uint64_t digit = static_cast<uint64_t>(text.data[at] - '0');
    if (__builtin_mul_overflow(seconds, uint64_t{10}, &seconds) ||
        __builtin_add_overflow(seconds, digit, &seconds)) {
      *fits = false;
    }
  }
  if (at == begin) return false;
  uint32_t fraction = 0;
  bool rest = false;
  if (at < text.size && text.data[at] == '.') {
    at++;
    fraction = Billionths(text, &at, &rest);
  }
  if (at < text.size) return false;
  if (negative) {
    // Back by what is missing to a whole second.
    fraction += rest ? 1 : 0;
    bool part = fraction > 0;
    if (part && __builtin_add_overflow(seconds, uint64_t{1}, &seconds)) *fits = false;
    fraction = part ? kBillion - fraction : 0;
  }
  constexpr uint64_t kMost = INT64_MAX;
  *fits = *fits && seconds <= kMost + (negative ? 1 : 0);
  time->seconds = static_cast<int64_t>(negative ? uint64_t{0} - seconds : seconds);
  time->nanoseconds = fraction;
  return true;
}

bool HasGoodChecksum(const char* block) {
  const unsigned char* bytes = reinterpret_cast<const unsigned char*>(block);
  uint32_t sum = kChecksumSize * ' ';
  for (size_t i = 0; i < kTarBlock; i++) sum += bytes[i];
  for (size_t i = 0; i < kChecksumSize; i++) sum -= bytes[kChecksumAt + i];
  // Some writers pad it with NULs in front.
  const char* field = block + kChecksumAt;
  size_t size = kChecksumSize;
  for (; size > 0 && (*field == 0 || *field == ' '); field++) size--;
  int64_t stated;
  return ParseOctal(field, size, &stated) && stated == static_cast<int64_t>(sum);
}

bool IsZeroBlock(const char* block) {
  return block[0] == 0 && memcmp(block, block + 1, kTarBlock - 1) == 0;
}

TarText FieldText(const char* field, size_t size) {
  // memchr(3) wants an address, even for no bytes at all.
  const void* end = size == 0 ? nullptr : memchr(field, 0, size);
  return {field,
          end == nullptr ? size : static_cast<size_t>(static_cast<const char*>(end) - field)};
}

}  // namespace graphdriver
