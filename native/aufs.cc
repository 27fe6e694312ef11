#include "aufs.h"

#include <sys/vfs.h>

#include "kernel.h"
#include "system.h"
#include "walk.h"

namespace graphdriver {

namespace {

constexpr long kMagic = 0x61756673;
// include/uapi/linux/aufs_type.h: AUFS_CTL_BRINFO, and the record that it fills.
constexpr unsigned kBrinfo = 0x50004105;
struct BranchRecord {
  int16_t id;
  int16_t padding;
  int32_t permission;
  char path[4096 - 8];
};
static_assert(sizeof(BranchRecord) == 4096, "aufs fills a page a branch");

// Records for `count` branches and, behind them, memory that nobody may touch: aufs is told no
// length, and somebody may add branches between the two questions.
class Records {
 public:
  explicit Records(size_t count) {
    size_t used = count * sizeof(BranchRecord);
    // Pages of 64 KiB are the largest: the guard begins on a page's edge, whatever their size.
    size_t guard = (used + kPage - 1) / kPage * kPage;
    size_ = guard + kPage;
    long at = Call(SYS_mmap, nullptr, size_, kReadWrite, kPrivateAnonymous, -1, 0);
    if (at < 0) return;
    memory_ = reinterpret_cast<char*>(at);
    if (Call(SYS_mprotect, static_cast<void*>(memory_ + guard), kPage, 0) != 0) return;
    first_ = reinterpret_cast<BranchRecord*>(memory_ + guard - used);
  }
  Records(const Records&) = delete;
  Records& operator=(const Records&) = delete;
  ~Records() {
    if (memory_ != nullptr) Call(SYS_munmap, static_cast<void*>(memory_), size_);
  }
  BranchRecord* first() { return first_; }

 private:
  static constexpr size_t kPage = 65536;
  static constexpr int kReadWrite = 1 | 2;
  static constexpr int kPrivateAnonymous = 0x02 | 0x20;
  size_t size_ = 0;
  char* memory_ = nullptr;
  BranchRecord* first_ = nullptr;
};

bool AppendRow(Table* table, const BranchRecord& record) {
  size_t start = table->text.size();
  size_t size = 0;
  while (size < sizeof record.path && record.path[size] != 0) size++;
  const int32_t row[] = {record.id, record.permission, static_cast<int32_t>(start),
                         static_cast<int32_t>(start + size)};
  return table->text.Append(record.path, size) && table->rows.Append(row, sizeof row);
}

// Answers -EFAULT when there were more branches than room.
int ReadBranches(int fd, long count, Table* table) {
  Records records(static_cast<size_t>(count));
  if (records.first() == nullptr) return -ENOMEM;
  long error = CallAgain(SYS_ioctl, fd, kBrinfo, static_cast<void*>(records.first()));
  if (error < 0) return static_cast<int>(error);
  for (long i = 0; i < count; i++) {
    if (!AppendRow(table, records.first()[i])) return -ENOMEM;
  }
  return 0;
}

bool IsUnion(const char* name) {
  return name[0] == 's' && name[1] == 'i' && name[2] == '_';
}

}  // namespace

Table AufsBranches(int32_t directory, Text path) {
  Table table;
  Descriptor fd(CallAgain(SYS_openat, directory, static_cast<const void*>(path.data),
                          O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  struct statfs filesystem;
  long error =
      fd.failed() ? fd.get() : CallAgain(SYS_fstatfs, fd.get(), static_cast<void*>(&filesystem));
  // Another filesystem may mean something else by the same number.
  if (error == 0 && static_cast<long>(filesystem.f_type) != kMagic) error = -ENOTTY;
  for (int tries = 0; error == 0; tries++) {
    long count = CallAgain(SYS_ioctl, fd.get(), kBrinfo, nullptr);
    if (count < 0) {
      error = count;
      break;
    }
    error = ReadBranches(fd.get(), count, &table);
    if (error != -EFAULT || tries == 8) break;
    error = 0;
  }
  table.error = static_cast<int>(error);
  return table;
}

Blob AufsUnions(Text path) {
  Blob blob;
  long fd = CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(path.data),
                      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    blob.error = static_cast<int>(fd);
    return blob;
  }
  Walk walk;
  blob.error = static_cast<int>(walk.Enter(static_cast<int>(fd)));
  for (Entry entry; blob.error == 0 && walk.Next(&entry);) {
    if (IsUnion(entry.name) && !blob.bytes.Append(entry.name, strlen(entry.name) + 1))
      blob.error = -ENOMEM;
  }
  return blob;
}

}  // namespace graphdriver
