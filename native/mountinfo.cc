// Reads and parses /proc/<pid>/mountinfo, proc_pid_mountinfo(5).
#include "mountinfo.h"

#include <poll.h>

#include <atomic>

#include "system.h"

namespace graphdriver {

namespace {

// Offsets are 32 bits, and no string of JS is longer than this.
constexpr size_t kMostBytes = size_t{1} << 28;
// Numbers in a row: MountinfoField in lib/sys/native.ts.
constexpr size_t kRow = 18;
constexpr size_t kFirstText = 4;

// How much the last table took: the next one will take about as much, and a buffer that grows is
// copied at every step.
std::atomic<size_t> last_size{0};

// Answers 0 or a negative errno; counts the reads that brought something.
int ReadAll(int fd, Buffer* text, int* reads) {
  text->SetSize(0);
  *reads = 0;
  if (!text->Reserve(last_size.load(std::memory_order_relaxed))) return -ENOMEM;
  while (true) {
    size_t size = text->size();
    if (size >= kMostBytes) return -EFBIG;
    if (!text->Reserve(size + (size_t{1} << 15))) return -ENOMEM;
    long count =
        CallAgain(SYS_read, fd, static_cast<void*>(text->data() + size), text->capacity() - size);
    if (count < 0) return static_cast<int>(count);
    if (count == 0) {
      last_size.store(size + (size_t{1} << 15), std::memory_order_relaxed);
      return 0;
    }
    text->SetSize(size + static_cast<size_t>(count));
    ++*reads;
  }
}

// Whether the table changed since it was opened or last asked (fs/proc_namespace.c, mounts_poll).
// False for a file that is no mount table.
bool Changed(int fd) {
  pollfd events{fd, POLLPRI, 0};
  timespec now{0, 0};
  long count =
      Call(SYS_ppoll, static_cast<void*>(&events), 1, static_cast<const void*>(&now), nullptr, 0);
  return count > 0 && (events.revents & (POLLPRI | POLLERR)) == (POLLPRI | POLLERR);
}

// A read gives at most about a page, so that a table which changes between two may lack lines or
// repeat them.
int ReadConsistently(const char* path, Buffer* text) {
  Descriptor file(CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(path),
                            O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.failed()) return file.get();
  for (int tries = 0;; tries++) {
    int reads;
    int error = ReadAll(file.get(), text, &reads);
    if (error != 0) return error;
    if (reads <= 1 || tries == 8 || !Changed(file.get())) return 0;
    long place = Call(SYS_lseek, file.get(), 0, SEEK_SET);
    if (place < 0) return static_cast<int>(place);
  }
}

// Walks one line; every function answers false when the line is not what it should be.
class Line {
 public:
  Line(const char* text, size_t start, size_t end) : text_(text), at_(start), end_(end) {}

  bool Number(int32_t* value, char after) {
    int64_t number = 0;
    size_t start = at_;
    while (at_ < end_ && text_[at_] >= '0' && text_[at_] <= '9') {
      number = number * 10 + (text_[at_++] - '0');
      if (number > INT32_MAX) return false;
    }
    if (at_ == start || at_ == end_ || text_[at_] != after) return false;
    at_++;
    *value = static_cast<int32_t>(number);
    return true;
  }

  // Up to the next space. Fields are parted by single spaces: two in a row are an empty field.
  bool Field(int32_t* slice) {
    size_t start = at_;
    const void* space = memchr(text_ + at_, ' ', end_ - at_);
    if (space == nullptr) return false;
    size_t stop = static_cast<size_t>(static_cast<const char*>(space) - text_);
    slice[0] = static_cast<int32_t>(start);
    slice[1] = static_cast<int32_t>(stop);
    at_ = stop + 1;
    return true;
  }

  // Fields until a lone hyphen, as one slice. No optional field is a lone hyphen, so the first one
  // is the end.
  bool Optional(int32_t* slice) {
    int32_t start = static_cast<int32_t>(at_);
    int32_t stop = start;
    int32_t field[2];
    while (Field(field)) {
      if (field[1] - field[0] == 1 && text_[field[0]] == '-') {
        slice[0] = start;
        slice[1] = stop;
        return true;
      }
      stop = field[1];
    }
    return false;
  }

  // The last field, with the spaces that some filesystems put into it.
  bool Rest(int32_t* slice) {
    slice[0] = static_cast<int32_t>(at_);
    slice[1] = static_cast<int32_t>(end_);
    return at_ < end_;
  }

 private:
  const char* text_;
  size_t at_;
  size_t end_;
};

bool ParseLine(Line line, int32_t* row) {
  int32_t* text = row + kFirstText;
  return line.Number(&row[0], ' ') && line.Number(&row[1], ' ') && line.Number(&row[2], ':') &&
         line.Number(&row[3], ' ') && line.Field(text) && line.Field(text + 2) &&
         line.Field(text + 4) && line.Optional(text + 6) && line.Field(text + 8) &&
         line.Field(text + 10) && line.Rest(text + 12);
}

// A set of mount ids with open addressing: kernels before 7.0 may show a mount twice when a line
// overflows the kernel's buffer.
class Ids {
 public:
  Ids() = default;
  Ids(const Ids&) = delete;
  Ids& operator=(const Ids&) = delete;
  ~Ids() { free(slots_); }
  bool Reserve(size_t count) {
    while (size_ < count * 2) size_ *= 2;
    slots_ = static_cast<int32_t*>(malloc(size_ * sizeof(int32_t)));
    if (slots_ == nullptr) return false;
    memset(slots_, 0xff, size_ * sizeof(int32_t));
    return true;
  }
  // False when it is there already. Ids are never negative.
  bool Add(int32_t id) {
    size_t at = (static_cast<uint32_t>(id) * 2654435769u) & (size_ - 1);
    while (slots_[at] != -1) {
      if (slots_[at] == id) return false;
      at = (at + 1) & (size_ - 1);
    }
    slots_[at] = id;
    return true;
  }

 private:
  int32_t* slots_ = nullptr;
  size_t size_ = 64;
};

size_t CountLines(const char* text, size_t size) {
  size_t count = 1;
  const char* end = text + size;
  while (text < end) {
    const void* newline = memchr(text, '\n', static_cast<size_t>(end - text));
    if (newline == nullptr) break;
    count++;
    text = static_cast<const char*>(newline) + 1;
  }
  return count;
}

// What is no mount line is left out.
int Parse(const Buffer& text, Buffer* rows) {
  size_t size = text.size();
  size_t lines = CountLines(text.data(), size);
  Ids ids;
  if (!ids.Reserve(lines) || !rows->Reserve(lines * kRow * sizeof(int32_t))) return -ENOMEM;
  size_t start = 0;
  while (start < size) {
    const void* newline = memchr(text.data() + start, '\n', size - start);
    size_t end = newline == nullptr
                     ? size
                     : static_cast<size_t>(static_cast<const char*>(newline) - text.data());
    int32_t row[kRow];
    if (ParseLine(Line(text.data(), start, end), row) && ids.Add(row[0])) {
      if (!rows->Append(row, sizeof row)) return -ENOMEM;
    }
    start = end + 1;
  }
  return 0;
}

}  // namespace

int32_t MountsChanged(int32_t fd) {
  return Changed(fd) ? 1 : 0;
}

Table Mountinfo(MaybeText path) {
  Table table;
  table.error = ReadConsistently(path.data != nullptr ? path.data : "/proc/thread-self/mountinfo",
                                 &table.text);
  if (table.error == 0) table.error = Parse(table.text, &table.rows);
  return table;
}

}  // namespace graphdriver
