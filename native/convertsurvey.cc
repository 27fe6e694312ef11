// What of a layer stands in the way of its conversion: found before anything is touched.
#include <dirent.h>

#include "convert.h"
#include "directory.h"
#include "layerwalk.h"

namespace graphdriver {

namespace {

// Enough to tell people; the text that they are in stays small.
constexpr int64_t kMostRows = 1000;
constexpr char kRenamedDirectory[] = ".wh..wh.dr.";
constexpr size_t kMostName = 255;

class Survey final : public LayerWalk {
 public:
  Survey(Form overlay, bool to_aufs, Table* table)
      : overlay_(overlay), to_aufs_(to_aufs), table_(table) {}
  TreeResult Find(Text path) {
    Run(path);
    return static_cast<TreeResult&&>(result_);
  }

 private:
  bool Arrive() override { return CheckXattrs(nullptr); }
  bool Visit(const Entry& entry, bool* skip) override {
    return to_aufs_ ? VisitOverlay(entry, skip) : VisitAufs(entry, skip);
  }
  bool VisitAufs(const Entry& entry, bool* skip);
  bool VisitOverlay(const Entry& entry, bool* skip);
  bool VisitReserved(const Entry& entry);
  bool CheckXattrs(const Entry* entry);
  bool IsObstacle(const char* xattr, Obstacle* obstacle) const;
  bool Report(Obstacle obstacle);
  Form overlay_;
  bool to_aufs_;
  Table* table_;
  XattrNames xattrs_;
  Buffer path_;
};

bool Survey::Report(Obstacle obstacle) {
  if (result_.count == kMostRows) return true;
  result_.count++;
  path_.SetSize(0);
  size_t start = table_->text.size();
  bool added = walk_.AppendPath(&path_) && table_->text.Append(path_.data(), path_.size());
  const int32_t row[] = {static_cast<int32_t>(obstacle), static_cast<int32_t>(start),
                         static_cast<int32_t>(table_->text.size())};
  return (added && table_->rows.Append(row, sizeof row)) || Fail(-ENOMEM, "malloc");
}

bool Survey::IsObstacle(const char* xattr, Obstacle* obstacle) const {
  const char* prefix = OverlayPrefix(overlay_);
  if (!StartsWith(xattr, prefix)) return false;
  *obstacle = strcmp(xattr, WhiteoutXattr(overlay_)) == 0 && to_aufs_ ? Obstacle::kFileWhiteout
                                                                      : Obstacle::kXattr;
  // Overlay escapes those of an overlay inside of it (fs/overlayfs/xattrs.c, Linux 6.7).
  bool nested = StartsWith(xattr + strlen(prefix), "overlay.");
  return !to_aufs_ || nested || IsIndirectXattr(xattr) || *obstacle == Obstacle::kFileWhiteout;
}

// Of an entry, or of the directory at hand. Those of a directory are looked at when it is entered.
bool Survey::CheckXattrs(const Entry* entry) {
  if (entry != nullptr) {
    unsigned char type;
    if (!TypeOf(*entry, &type)) return false;
    if (type == DT_DIR) return true;
  }
  long error = xattrs_.Read(fd(), entry == nullptr ? nullptr : entry->name);
  if (error != 0) return error == -ENOENT || Fail(error, "listxattr");
  const char* name;
  while (xattrs_.Next(&name)) {
    Obstacle obstacle;
    if (IsObstacle(name, &obstacle)) return Report(obstacle);
  }
  return true;
}

bool Survey::VisitReserved(const Entry& entry) {
  bool marker = strcmp(entry.name, kOpaqueMarker) == 0;
  if (!marker && IsMetaName(entry.name)) {
    return !StartsWith(entry.name, kRenamedDirectory) || Report(Obstacle::kRenamed);
  }
  const char* hidden = entry.name + kWhiteoutPrefixSize;
  unsigned char type;
  if (!TypeOf(entry, &type)) return false;
  bool whiteout = type == DT_REG && (marker || (*hidden != 0 && !IsDots(hidden)));
  return whiteout || Report(Obstacle::kNoWhiteout);
}

bool Survey::VisitAufs(const Entry& entry, bool* skip) {
  if (IsWhiteoutName(entry.name)) {
    *skip = true;
    return VisitReserved(entry);
  }
  bool device;
  if (!IsZeroDevice(entry, &device)) return false;
  return device ? Report(Obstacle::kDevice) : CheckXattrs(&entry);
}

bool Survey::VisitOverlay(const Entry& entry, bool* skip) {
  if (IsWhiteoutName(entry.name)) {
    *skip = true;
    return Report(Obstacle::kReservedName);
  }
  bool whiteout;
  if (!IsZeroDevice(entry, &whiteout)) return false;
  if (!whiteout) return CheckXattrs(&entry);
  return strlen(entry.name) <= kMostName - kWhiteoutPrefixSize || Report(Obstacle::kLongName);
}

}  // namespace

ObstacleTable FindObstacles(Text path, uint32_t overlay, bool to_aufs) {
  ObstacleTable found;
  if (overlay >= kForms || !IsOverlay(static_cast<Form>(overlay))) {
    found.end.error = -EINVAL;
    return found;
  }
  found.end = Survey(static_cast<Form>(overlay), to_aufs, &found.table).Find(path);
  return found;
}

napi_value Encode(napi_env env, const ObstacleTable& result) {
  return result.end.error != 0 ? Encode(env, result.end) : Encode(env, result.table);
}

}  // namespace graphdriver
