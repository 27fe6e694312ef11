// Bytes that grow, from malloc: nothing here may throw.
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

namespace graphdriver {

class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept
      : data_(other.data_), size_(other.size_), capacity_(other.capacity_) {
    other.data_ = nullptr;
    other.size_ = other.capacity_ = 0;
  }
  Buffer& operator=(Buffer&& other) noexcept {
    if (this == &other) return *this;
    free(data_);
    data_ = other.data_;
    size_ = other.size_;
    capacity_ = other.capacity_;
    other.data_ = nullptr;
    other.size_ = other.capacity_ = 0;
    return *this;
  }
  ~Buffer() { free(data_); }

  char* data() { return data_; }
  const char* data() const { return data_; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }

  // False when there is no memory; what is there stays.
  bool Reserve(size_t wanted) {
    if (wanted <= capacity_) return true;
    size_t capacity = capacity_ < 256 ? 256 : capacity_;
    while (capacity < wanted) {
      if (capacity > SIZE_MAX / 2) return false;
      capacity *= 2;
    }
    char* grown = static_cast<char*>(malloc(capacity));
    if (grown == nullptr) return false;
    if (size_ > 0) memcpy(grown, data_, size_);
    free(data_);
    data_ = grown;
    capacity_ = capacity;
    return true;
  }

  bool Append(const void* bytes, size_t count) {
    if (!Reserve(size_ + count)) return false;
    if (count > 0) memcpy(data_ + size_, bytes, count);
    size_ += count;
    return true;
  }
  bool Append(char byte) { return Append(&byte, 1); }

  // For bytes that a system call wrote behind the end, and for a stack that shrinks.
  void SetSize(size_t size) { size_ = size; }

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace graphdriver
