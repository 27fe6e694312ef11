#include "names.h"

#include <dirent.h>

#include "directory.h"
#include "kernel.h"
#include "system.h"
#include "walk.h"

namespace graphdriver {

namespace {

// Longer than any line that is the name of something.
constexpr size_t kLine = 256;

Descriptor OpenDirectory(Text path) {
  return Descriptor(CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(path.data),
                              O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
}

bool Matches(const char* name, size_t size, Text beginning, Text ending) {
  bool begins = beginning.size > 0 && size >= beginning.size &&
                memcmp(name, beginning.data, beginning.size) == 0;
  bool ends = ending.size > 0 && size >= ending.size &&
              memcmp(name + size - ending.size, ending.data, ending.size) == 0;
  return begins || ends;
}

// A sum of a text from its last bytes to its first: what it ends with has its sum on the way. Eight
// bytes at a time, as these texts may be long.
class Sum {
 public:
  Sum(const char* text, size_t size) : text_(text), at_(size) {}
  // Of the text from `from` on; each call from further to the front.
  void Write(size_t from, int32_t* row) {
    for (; at_ - from >= sizeof(uint64_t); at_ -= sizeof(uint64_t)) {
      value_ = Mix(value_, Load(at_ - sizeof(uint64_t), sizeof(uint64_t)));
    }
    uint64_t value = Mix(value_, Load(from, at_ - from));
    row[0] = static_cast<int32_t>(value & UINT32_MAX);
    row[1] = static_cast<int32_t>(value >> 32);
  }

 private:
  // MurmurHash3's finalizer, word after word.
  static uint64_t Mix(uint64_t value, uint64_t word) {
    value = (value ^ word) * 0xff51afd7ed558ccdu;
    value = (value ^ (value >> 33)) * 0xc4ceb9fe1a85ec53u;
    return value ^ (value >> 33);
  }
  uint64_t Load(size_t from, size_t size) const {
    uint64_t word = 0;
    memcpy(&word, text_ + from, size);
    return word;
  }

  const char* text_;
  size_t at_;
  uint64_t value_ = 0;
};

class Files {
 public:
  Files(int directory, size_t limit, Table* table)
      : directory_(directory), limit_(limit), table_(table) {}

  long Add(const DirectoryRecord& record) {
    // Name, its end, the line's end, size, mode, errno, sum of all, sum behind the line.
    int32_t row[10] = {};
    size_t start = table_->text.size();
    if (!table_->text.Append(record.name, strlen(record.name))) return -ENOMEM;
    row[0] = static_cast<int32_t>(start);
    row[1] = static_cast<int32_t>(table_->text.size());
    bool plain = record.type == DT_REG || record.type == DT_UNKNOWN;
    long error = plain ? Read(record.name, row) : -EINVAL;
    if (error == -ENOENT) {
      table_->text.SetSize(start);
      return 0;
    }
    row[2] = static_cast<int32_t>(table_->text.size());
    row[5] = static_cast<int32_t>(error);
    if (error == -ENOMEM || !table_->rows.Append(row, sizeof row)) return -ENOMEM;
    return table_->text.size() > INT32_MAX ? -EFBIG : 0;
  }

 private:
  long Read(const char* name, int32_t* row) {
    // Not waiting: the open of a fifo would, for ever.
    Descriptor file(CallAgain(SYS_openat, directory_, static_cast<const void*>(name),
                              O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    if (file.failed()) return file.get();
    if (long error = ReadAll(file.get())) return error;
    row[3] = static_cast<int32_t>(bytes_.size());
    // Of an empty file nothing else tells anything.
    if (bytes_.size() == 0) {
      Statx stat;
      if (long error = StatxOf(file.get(), "", kEmptyPath, &stat)) return error;
      row[4] = stat.mode;
    }
    return Describe(row);
  }

  long ReadAll(int fd) {
    bytes_.SetSize(0);
    while (true) {
      size_t size = bytes_.size();
      if (!bytes_.Reserve(size + 4096)) return -ENOMEM;
      size_t room = bytes_.capacity() - size;
      long count = CallAgain(SYS_read, fd, static_cast<void*>(bytes_.data() + size), room);
      if (count < 0) return count;
      bytes_.SetSize(size + static_cast<size_t>(count));
      if (bytes_.size() > limit_) return -EFBIG;
      // A plain file has no more where it gave less than was asked for (read(2)).
      if (static_cast<size_t>(count) < room) return 0;
    }
  }

  long Describe(int32_t* row) {
    const char* text = bytes_.size() == 0 ? "" : bytes_.data();
    size_t size = bytes_.size();
    const void* newline = size == 0 ? nullptr : memchr(text, '\n', size);
    size_t line =
        newline == nullptr ? size : static_cast<size_t>(static_cast<const char*>(newline) - text);
    size_t rest = newline == nullptr ? size : line + 1;
    Sum sum(text, size);
    sum.Write(rest, row + 8);
    sum.Write(0, row + 6);
    return table_->text.Append(text, line < kLine ? line : kLine) ? 0 : -ENOMEM;
  }

  int directory_;
  size_t limit_;
  Table* table_;
  Buffer bytes_;
};

}  // namespace

Blob FindNames(Text path, Text beginning, Text ending) {
  Blob found;
  Descriptor directory = OpenDirectory(path);
  if (directory.failed()) {
    found.error = directory.get();
    return found;
  }
  found.error = static_cast<int>(ReadDirectory(directory.get(), [&](const DirectoryRecord& record) {
    size_t size = strlen(record.name);
    if (!Matches(record.name, size, beginning, ending)) return 0L;
    return found.bytes.Append(record.name, size + 1) ? 0L : static_cast<long>(-ENOMEM);
  }));
  return found;
}

Table FirstLines(Text path, int64_t limit) {
  Table table;
  Descriptor directory = OpenDirectory(path);
  if (directory.failed() || limit < 0 || limit > INT32_MAX) {
    table.error = directory.failed() ? directory.get() : -EINVAL;
    return table;
  }
  Files files(directory.get(), static_cast<size_t>(limit), &table);
  auto take = [&files](const DirectoryRecord& record) { return files.Add(record); };
  table.error = static_cast<int>(ReadDirectory(directory.get(), take));
  return table;
}

}  // namespace graphdriver
