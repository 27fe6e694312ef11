#include "tarreader.h"

#include <string.h>

#include <new>

namespace graphdriver {

namespace {

// A field of the header (POSIX.1-2017, pax(1), "ustar Interchange Format").
struct Field {
  size_t at;
  size_t size;
};
constexpr Field kName = {0, 100};
constexpr Field kMode = {100, 8};
constexpr Field kUid = {108, 8};
constexpr Field kGid = {116, 8};
constexpr Field kSize = {124, 12};
constexpr Field kMtime = {136, 12};
constexpr size_t kTypeAt = 156;
constexpr Field kLink = {157, 100};
constexpr size_t kMagicAt = 257;
constexpr Field kMajor = {329, 8};
constexpr Field kMinor = {337, 8};
constexpr Field kPrefix = {345, 155};

constexpr int64_t kMostId = UINT32_MAX - int64_t{1};
constexpr int64_t kMostSize = (int64_t{1} << 53) - 1;
// The NUL at its end is one of them: regular files of old archives.
constexpr char kTypes[] = "01234567";

bool IsExtension(char type) {
  return type == 'x' || type == 'g' || type == 'L' || type == 'K';
}

TarType TypeOf(char type) {
  return type < '1' || type > '6' ? TarType::kFile : static_cast<TarType>(type - '0');
}

bool ReadField(const char* block, const Field& field, int64_t least, int64_t most, int64_t* value) {
  return ParseTarNumber(block + field.at, field.size, value) && *value >= least && *value <= most;
}

bool IsUstar(const char* block) {
  return memcmp(block + kMagicAt, "ustar", 6) == 0;
}

// Without a prefix: that place holds other times.
bool IsGnu(const char* block) {
  return memcmp(block + kMagicAt, "ustar  ", 8) == 0;
}

void MoveBytes(Buffer* from, Buffer* to) {
  Buffer kept(static_cast<Buffer&&>(*to));
  new (to) Buffer(static_cast<Buffer&&>(*from));
  from->~Buffer();
  new (from) Buffer(static_cast<Buffer&&>(kept));
  from->SetSize(0);
}

}  // namespace

void TarReader::Feed(const char* data, size_t size) {
  uint64_t allowed = limits_.bytes - position_;
  over_ = size > allowed;
  input_ = data;
  input_size_ = over_ ? static_cast<size_t>(allowed) : size;
}

TarEvent TarReader::Fail(TarFault fault) {
  fault_ = fault;
  state_ = State::kFault;
  return TarEvent::kFault;
}

size_t TarReader::Take(uint64_t most) {
  size_t size = input_size_ < most ? input_size_ : static_cast<size_t>(most);
  input_ += size;
  input_size_ -= size;
  position_ += size;
  return size;
}

bool TarReader::FillBlock() {
  if (block_used_ == 0) block_at_ = position_;
  const char* from = input_;
  size_t size = Take(kTarBlock - block_used_);
  if (size > 0) memcpy(block_ + block_used_, from, size);
  block_used_ += size;
  if (block_used_ < kTarBlock) return false;
  block_used_ = 0;
  return true;
}

void TarReader::StartPadding(uint64_t size) {
  padding_ = (kTarBlock - size % kTarBlock) % kTarBlock;
  state_ = State::kPadding;
}

TarEvent TarReader::Next() {
  while (true) {
    TarFault fault = TarFault::kNone;
    if (state_ == State::kFault) return TarEvent::kFault;
    if (state_ == State::kBody && left_ > 0 && input_size_ > 0) return ReadBody();
    if (state_ == State::kBody && left_ == 0) {
      StartPadding(entry_.size);
    } else if (state_ == State::kPadding) {
      padding_ -= Take(padding_);
      if (padding_ == 0) {
        state_ = State::kHeader;
        in_entry_ = false;
        entry_.name = {};
        continue;
      }
    } else if (state_ == State::kExtension) {
      const char* from = input_;
      size_t size = Take(left_);
      if (!extension_.Append(from, size)) return Fail(TarFault::kNoMemory);
      left_ -= size;
      if (left_ == 0) fault = FinishExtension();
    } else if (state_ == State::kTrailer) {
      Take(UINT64_MAX);
    } else if (state_ == State::kHeader && FillBlock()) {
      fault = OnBlock();
      if (fault == TarFault::kNone && state_ == State::kBody) return TarEvent::kEntry;
      if (fault == TarFault::kNone) continue;
    }
    if (fault != TarFault::kNone) return Fail(fault);
    if (input_size_ > 0 || (state_ == State::kPadding && padding_ == 0)) continue;
    return over_ ? Fail(TarFault::kBytes) : TarEvent::kInput;
  }
}

TarEvent TarReader::FinishInput() {
  if (state_ == State::kFault) return TarEvent::kFault;
  bool whole = state_ == State::kTrailer || (state_ == State::kHeader && block_used_ == 0);
  if (!whole || HasExtension()) return Fail(TarFault::kTruncated);
  return TarEvent::kEnd;
}

TarEvent TarReader::ReadBody() {
  const char* from = input_;
  size_t size = Take(left_);
  left_ -= size;
  data_ = {from, size};
  return TarEvent::kData;
}

TarFault TarReader::OnBlock() {
  if (IsZeroBlock(block_)) return OnZeroBlock();
  if (zero_blocks_ > 0) return TarFault::kLoneZeroBlock;
  return OnHeader();
}

TarFault TarReader::OnZeroBlock() {
  if (HasExtension()) return TarFault::kNoEntry;
  // Whatever is behind the second one is no part of the archive.
  if (++zero_blocks_ == 2) state_ = State::kTrailer;
  return TarFault::kNone;
}

TarFault TarReader::OnHeader() {
  entry_.name = {};
  if (!HasGoodChecksum(block_)) return TarFault::kChecksum;
  char type = block_[kTypeAt];
  if (IsExtension(type)) return StartExtension(type);
  // GNU tar's form of a sparse file, older than its PAX records.
  if (type == 'S') return TarFault::kSparseOld;
  if (memchr(kTypes, type, sizeof kTypes) == nullptr) return TarFault::kType;
  entry_.type = TypeOf(type);
  TarFault fault = ReadFields();
  return fault == TarFault::kNone ? StartEntry() : fault;
}

TarFault TarReader::ReadFields() {
  int64_t value;
  if (!ReadField(block_, kMode, 0, INT64_MAX, &value)) return TarFault::kMode;
  entry_.mode = static_cast<uint32_t>(value & 07777);
  if (!ReadField(block_, kUid, 0, kMostId, &value)) return TarFault::kUid;
  entry_.uid = static_cast<uint32_t>(value);
  if (!ReadField(block_, kGid, 0, kMostId, &value)) return TarFault::kGid;
  entry_.gid = static_cast<uint32_t>(value);
  if (!ReadField(block_, kSize, 0, kMostSize, &value)) return TarFault::kSize;
  entry_.size = static_cast<uint64_t>(value);
  if (!ReadField(block_, kMtime, INT64_MIN, INT64_MAX, &value)) return TarFault::kMtime;
  entry_.mtime = {value, 0};
  entry_.major = entry_.minor = 0;
  bool is_device = entry_.type == TarType::kChar || entry_.type == TarType::kBlock;
  if (!is_device || !(IsUstar(block_) || IsGnu(block_))) return TarFault::kNone;
  if (!ReadField(block_, kMajor, 0, UINT32_MAX, &value)) return TarFault::kDevice;
  entry_.major = static_cast<uint32_t>(value);
  if (!ReadField(block_, kMinor, 0, UINT32_MAX, &value)) return TarFault::kDevice;
  entry_.minor = static_cast<uint32_t>(value);
  return TarFault::kNone;
}

TarFault TarReader::StartExtension(char type) {
  int64_t size;
  if (!ReadField(block_, kSize, 0, kMostSize, &size)) return TarFault::kSize;
  if (static_cast<uint64_t>(size) > limits_.extension) return TarFault::kExtensionSize;
  if (type == 'g' && HasExtension()) return TarFault::kStrayGlobal;
  bool twice =
      (type == 'x' && seen_pax_) || (type == 'L' && seen_name_) || (type == 'K' && seen_link_);
  if (twice) return TarFault::kExtensionTwice;
  if (static_cast<uint64_t>(size) > limits_.bytes - position_) return TarFault::kBytes;
  extension_type_ = type;
  extension_.SetSize(0);
  left_ = static_cast<uint64_t>(size);
  state_ = State::kExtension;
  return TarFault::kNone;
}

TarFault TarReader::FinishExtension() {
  StartPadding(extension_.size());
  if (extension_type_ == 'L' || extension_type_ == 'K') return FinishLongName();
  bool global = extension_type_ == 'g';
  MoveBytes(&extension_, &pax_block_);
  seen_pax_ = !global;
  return pax_.Parse(pax_block_.data(), pax_block_.size(), limits_, global);
}

// A name, and then nothing but NUL.
TarFault TarReader::FinishLongName() {
  TarText name = FieldText(extension_.data(), extension_.size());
  for (size_t i = name.size; i < extension_.size(); i++) {
    if (extension_.data()[i] != 0) return TarFault::kLongName;
  }
  extension_.SetSize(name.size);
  bool is_link = extension_type_ == 'K';
  MoveBytes(&extension_, is_link ? &long_link_ : &long_name_);
  (is_link ? seen_link_ : seen_name_) = true;
  return TarFault::kNone;
}

TarFault TarReader::ApplyName() {
  bool has_path = seen_pax_ && pax_.has_path();
  if (seen_pax_ && pax_.has_link() && seen_link_) return TarFault::kTwoLinks;
  entry_.name = FieldText(block_ + kName.at, kName.size);
  TarText prefix = FieldText(block_ + kPrefix.at, kPrefix.size);
  if (IsUstar(block_) && prefix.size > 0) {
    joined_.SetSize(0);
    if (!joined_.Append(prefix.data, prefix.size) || !joined_.Append('/') ||
        !joined_.Append(entry_.name.data, entry_.name.size)) {
      return TarFault::kNoMemory;
    }
    entry_.name = {joined_.data(), joined_.size()};
  }
  if (seen_name_) entry_.name = {long_name_.data(), long_name_.size()};
  if (has_path) entry_.name = pax_.path();
  if (has_path && seen_name_) return TarFault::kTwoNames;
  return entry_.name.size == 0 ? TarFault::kNoName : TarFault::kNone;
}

TarFault TarReader::ApplyLink() {
  bool has_link = seen_pax_ && pax_.has_link();
  entry_.link = {};
  if (entry_.type != TarType::kLink && entry_.type != TarType::kSymlink) return TarFault::kNone;
  entry_.link = FieldText(block_ + kLink.at, kLink.size);
  if (seen_link_) entry_.link = {long_link_.data(), long_link_.size()};
  if (has_link) entry_.link = pax_.link();
  return entry_.link.size == 0 ? TarFault::kNoLink : TarFault::kNone;
}

// Other types have no body, and readers differ on whether one that is stated follows.
TarFault TarReader::ApplySize() {
  if (entry_.type == TarType::kFile && entry_.name.data[entry_.name.size - 1] == '/')
    entry_.type = TarType::kDirectory;
  bool stated = entry_.size != 0;
  if (seen_pax_ && pax_.has_size) {
    entry_.size = pax_.size;
    stated = stated || entry_.size != 0;
  }
  if (entry_.type != TarType::kFile && stated) return TarFault::kBodyOfHeader;
  return TarFault::kNone;
}

TarFault TarReader::JudgeNames() const {
  if (entry_.name.size > limits_.path) return TarFault::kPathLength;
  size_t begin = 0;
  for (size_t i = 0; i <= entry_.name.size; i++) {
    if (i < entry_.name.size && entry_.name.data[i] != '/') continue;
    // What a whiteout hides may have a name of full length.
    bool whiteout =
        i == entry_.name.size && i - begin >= 4 && memcmp(entry_.name.data + begin, ".wh.", 4) == 0;
    if (i - begin > limits_.name + (whiteout ? 4 : 0)) return TarFault::kNameLength;
    begin = i + 1;
  }
  return entry_.link.size > limits_.path ? TarFault::kLinkLength : TarFault::kNone;
}

TarFault TarReader::StartEntry() {
  if (seen_pax_ && pax_.has_uid) entry_.uid = static_cast<uint32_t>(pax_.uid);
  if (seen_pax_ && pax_.has_gid) entry_.gid = static_cast<uint32_t>(pax_.gid);
  if (seen_pax_ && pax_.has_mtime) entry_.mtime = pax_.mtime;
  if (!seen_pax_) pax_.Clear();
  TarFault fault = ApplyName();
  if (fault == TarFault::kNone) fault = ApplyLink();
  if (fault == TarFault::kNone) fault = ApplySize();
  if (fault == TarFault::kNone) fault = JudgeNames();
  if (fault != TarFault::kNone) return fault;
  if (entries_ >= limits_.entries) return TarFault::kEntries;
  if (entry_.size > limits_.bytes - position_) return TarFault::kBytes;
  entries_++;
  in_entry_ = true;
  seen_pax_ = seen_name_ = seen_link_ = false;
  left_ = entry_.size;
  state_ = State::kBody;
  return TarFault::kNone;
}

}  // namespace graphdriver
