// What a tar reader refuses, and how much it takes.
#pragma once

#include <stdint.h>

namespace graphdriver {

// The numbers are part of the interface to floor 1, which has the words.
enum class TarFault : int32_t {
  kNone,
  kNoMemory,
  kChecksum,
  kType,
  kMode,
  kUid,
  kGid,
  kSize,
  kMtime,
  kDevice,
  kExtensionSize,
  kExtensionTwice,
  kStrayGlobal,
  kPaxSyntax,
  kPaxRecords,
  kPaxValue,
  kPaxGlobal,
  kSparse,
  kSparseOld,
  kXattrName,
  kXattrValue,
  kXattrs,
  kLongName,
  kTwoNames,
  kTwoLinks,
  kNoName,
  kNoLink,
  kBodyOfHeader,
  kPathLength,
  kNameLength,
  kLinkLength,
  kEntries,
  kBytes,
  kLoneZeroBlock,
  kNoEntry,
  kTruncated,
  // Of entries that are well-formed, and refused where they are to be unpacked.
  kDotDot,
  kParent,
  kLinkTarget,
  kWhiteoutName,
  kWhiteoutType,
  kWhiteoutPath,
  kWhiteoutDevice,
  kDeviceNumber,
  kCount,
};

// In the order in which floor 1 hands them over.
struct TarLimits {
  uint64_t entries;
  // Of the archive, its end included.
  uint64_t bytes;
  // Of one extension block: PAX, GNU long name or long link.
  uint64_t extension;
  uint64_t pax_records;
  uint64_t xattrs;
  uint64_t xattr_name;
  uint64_t xattr_value;
  uint64_t path;
  uint64_t name;
};

}  // namespace graphdriver
