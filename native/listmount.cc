// The mounts of this namespace by listmount(2) and statmount(2), as rows of the same form as
// mountinfo's, but for the options of the filesystems: of an overlay of many layers they take far
// longer to write down than all the rest.
#include "listmount.h"

#include "kernel.h"
#include "system.h"

namespace graphdriver {

namespace {

constexpr long kStatmount = 457;
constexpr long kListmount = 458;

// include/uapi/linux/mount.h: struct mnt_id_req, in its first version.
struct IdRequest {
  uint32_t size;
  uint32_t spare;
  uint64_t id;
  uint64_t param;
};
constexpr uint64_t kAllMounts = ~uint64_t{0};

// struct statmount, as far as it is read; texts begin behind 512 bytes.
struct Statmount {
  uint32_t size;
  uint32_t options;
  uint64_t mask;
  uint32_t major;
  uint32_t minor;
  uint64_t magic;
  uint32_t sb_flags;
  uint32_t type;
  uint64_t id;
  uint64_t parent;
  uint32_t old_id;
  uint32_t old_parent;
  uint64_t attributes;
  uint64_t propagation;
  uint64_t peer_group;
  uint64_t master;
  uint64_t propagate_from;
  uint32_t root;
  uint32_t point;
  uint64_t namespace_id;
  uint32_t subtype;
  uint32_t source;
};
constexpr size_t kHead = 512;
static_assert(sizeof(Statmount) == 128, "struct statmount");

constexpr uint64_t kBasics = 0x3 | 0x4 | 0x8 | 0x10 | 0x20;  // with root, point, type, origin
constexpr uint64_t kSubtype = 0x100;
constexpr uint64_t kSource = 0x200;  // Linux 6.13

constexpr uint64_t kUnbindable = uint64_t{1} << 17;
constexpr uint64_t kSlave = uint64_t{1} << 19;
constexpr uint64_t kShared = uint64_t{1} << 20;

struct Word {
  uint64_t mask;
  uint64_t value;
  const char* text;
};
// In the order of show_vfsmnt_opts(), fs/proc_namespace.c.
constexpr Word kWords[] = {{0x2, 0x2, ",nosuid"},
                           {0x4, 0x4, ",nodev"},
                           {0x8, 0x8, ",noexec"},
                           {0x70, 0x10, ",noatime"},
                           {0x80, 0x80, ",nodiratime"},
                           {0x70, 0, ",relatime"},
                           {0x200000, 0x200000, ",nosymfollow"},
                           {0x100000, 0x100000, ",idmapped"}};

// Writes one mount into the table. Every function answers false when there is no memory.
class RowWriter {
 public:
  RowWriter(Table* table, const Buffer& answer) : table_(table), answer_(answer) {
    memcpy(&stat_, answer.data(), sizeof stat_);
  }

  bool Write() {
    int32_t row[18] = {static_cast<int32_t>(stat_.old_id), static_cast<int32_t>(stat_.old_parent),
                       static_cast<int32_t>(stat_.major), static_cast<int32_t>(stat_.minor)};
    return Name(stat_.root, row + 4) && Name(stat_.point, row + 6) && Options(row + 8) &&
           Optional(row + 10) && Type(row + 12) &&
           ((stat_.mask & kSource) == 0 || Name(stat_.source, row + 14)) &&
           table_->rows.Append(row, sizeof row);
  }

 private:
  void Begin(int32_t* slice) { slice[0] = static_cast<int32_t>(table_->text.size()); }
  bool End(int32_t* slice) {
    slice[1] = static_cast<int32_t>(table_->text.size());
    return true;
  }
  bool Add(const char* text) { return table_->text.Append(text, strlen(text)); }

  // The bytes themselves, but for the backslash, which begins an escape in mountinfo's form.
  bool AddName(uint32_t offset) {
    const char* text = answer_.data() + kHead + offset;
    for (; *text != '\0'; text++) {
      if (!(*text == '\\' ? Add("\\134") : table_->text.Append(*text))) return false;
    }
    return true;
  }
  bool Name(uint32_t offset, int32_t* slice) {
    Begin(slice);
    return AddName(offset) && End(slice);
  }
  bool Type(int32_t* slice) {
    Begin(slice);
    if (!AddName(stat_.type)) return false;
    if (stat_.mask & kSubtype) {
      if (!table_->text.Append('.') || !AddName(stat_.subtype)) return false;
    }
    return End(slice);
  }
  bool Options(int32_t* slice) {
    Begin(slice);
    if (!Add(stat_.attributes & 1 ? "ro" : "rw")) return false;
    for (const Word& word : kWords) {
      if ((stat_.attributes & word.mask) == word.value && !Add(word.text)) return false;
    }
    return End(slice);
  }
  bool Group(const char* name, uint64_t group, const int32_t* slice) {
    bool first = table_->text.size() == static_cast<size_t>(slice[0]);
    char digits[20];
    size_t at = sizeof digits;
    for (; group != 0 || at == sizeof digits; group /= 10)
      digits[--at] = static_cast<char>('0' + group % 10);
    return (first || table_->text.Append(' ')) && Add(name) &&
           table_->text.Append(digits + at, sizeof digits - at);
  }
  // In the order of show_mountinfo(), fs/proc_namespace.c.
  bool Optional(int32_t* slice) {
    Begin(slice);
    uint64_t how = stat_.propagation;
    if ((how & kShared) && !Group("shared:", stat_.peer_group, slice)) return false;
    if (how & kSlave) {
      if (!Group("master:", stat_.master, slice)) return false;
      bool apart = stat_.propagate_from != 0 && stat_.propagate_from != stat_.master;
      if (apart && !Group("propagate_from:", stat_.propagate_from, slice)) return false;
    }
    if (how & kUnbindable) {
      bool first = table_->text.size() == static_cast<size_t>(slice[0]);
      if (!(first || table_->text.Append(' ')) || !Add("unbindable")) return false;
    }
    return End(slice);
  }

  Table* table_;
  const Buffer& answer_;
  Statmount stat_;
};

// Answers 0 with the answer in the buffer, or a negative errno.
int Ask(uint64_t id, Buffer* answer) {
  const IdRequest request = {sizeof request, 0, id, kBasics | kSubtype | kSource};
  for (;;) {
    long error = CallAgain(kStatmount, static_cast<const void*>(&request),
                           static_cast<void*>(answer->data()), answer->capacity(), 0);
    if (error != -EOVERFLOW) return static_cast<int>(error);
    if (!answer->Reserve(answer->capacity() * 2)) return -ENOMEM;
  }
}

// Adds what is at these ids; notes whether any had a source.
int AskAll(const uint64_t* ids, long count, Buffer* answer, Table* table, bool* sources) {
  for (long at = 0; at < count; at++) {
    int error = Ask(ids[at], answer);
    // Unmounted meanwhile.
    if (error == -ENOENT) continue;
    if (error != 0) return error;
    Statmount stat;
    memcpy(&stat, answer->data(), sizeof stat);
    // A part that the kernel does not tell, or a mount that has no place below this root.
    if ((stat.mask & 0x3b) != 0x3b) return -ENOSYS;
    *sources = *sources || (stat.mask & kSource) != 0;
    if (!RowWriter(table, *answer).Write()) return -ENOMEM;
    if (table->text.size() > (size_t{1} << 28)) return -EFBIG;
  }
  return 0;
}

}  // namespace

Table ListMounts(int32_t) {
  Table table;
  Buffer answer;
  if (!answer.Reserve(4096)) {
    table.error = -ENOMEM;
    return table;
  }
  uint64_t ids[512];
  IdRequest request = {sizeof request, 0, kAllMounts, 0};
  bool sources = false;
  while (table.error == 0) {
    long count = CallAgain(kListmount, static_cast<const void*>(&request), static_cast<void*>(ids),
                           sizeof ids / sizeof ids[0], 0);
    if (count <= 0) {
      table.error = static_cast<int>(count);
      break;
    }
    request.param = ids[count - 1];
    table.error = AskAll(ids, count, &answer, &table, &sources);
  }
  // Before Linux 6.13 it does not tell what was mounted.
  if (table.error == 0 && !sources) table.error = -ENOSYS;
  return table;
}

}  // namespace graphdriver
