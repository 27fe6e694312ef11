// The difference between two views as a tar.
#pragma once

#include "arguments.h"
#include "comparelinks.h"
#include "entrypacker.h"
#include "packjob.h"

namespace graphdriver {

class DifferencePacker final : public TarProducer, private Visitor {
 public:
  explicit DifferencePacker(Form form) : form_(form) {}
  ~DifferencePacker() override = default;
  // The layers' directories, top first, a NUL after each. False without memory.
  bool SetPaths(Bytes now, Bytes before);
  bool Run(TarWriter* writer, const std::atomic<uint32_t>* cancelled) override;

 private:
  long Visit(const Difference& what) override;
  long Meet(const Difference& file, const Statx* now, const Statx* before) override;
  // Each answers false after it has noted a failure.
  bool Scan(Depth* depth);
  bool Compare(Depth depth, Visitor* visitor, bool* skipped);
  bool Pack(const Difference& what);
  bool PackRoot(const Difference& root);
  bool PackDirectory(const Difference& directory);
  bool PackFile(const Difference& file);
  bool PackSocket(const Difference& socket);
  bool IsLeftOut(const Difference& what, bool* failed);
  bool Fail(long error, const char* call, const Difference& what);
  void NameLayer(const char* layer);

  Form form_;
  Buffer now_;
  Buffer before_;
  TarWriter* writer_ = nullptr;
  const std::atomic<uint32_t>* cancelled_ = nullptr;
  EntryPacker* entries_ = nullptr;
  LinkScan links_;
  // A directory that a tar cannot hold, with a slash behind it: nor can it hold what is below.
  Buffer left_out_;
  Buffer path_;
};

NewHandle PackDifference(Bytes now, Bytes before, uint32_t form, uint32_t flags);

}  // namespace graphdriver
