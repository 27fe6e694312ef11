// A layer's own directory from one form to the other: aufs's files for what is gone become
// overlay's devices and attributes, and back.
#pragma once

#include "arguments.h"
#include "results.h"

namespace graphdriver {

// What the other form has no place for. The numbers are part of the interface to floor 1.
enum class Obstacle : int32_t {
  // A character device 0:0, which overlay takes for a whiteout.
  kDevice = 0,
  // A name that begins with ".wh.", which aufs takes for a whiteout.
  kReservedName = 1,
  // The name of its whiteout would be longer than names can be.
  kLongName = 2,
  // It is called like a whiteout of aufs's, and is none: no plain file, or it names nothing.
  kNoWhiteout = 3,
  // What aufs writes down of a directory that was renamed (dirren).
  kRenamed = 4,
  // An attribute that overlay would take for its own; or one of overlay's own that says that the
  // layer is not whole by itself (metacopy, redirect), or belongs to an overlay inside of it.
  kXattr = 5,
  // A whiteout that is a file with an attribute (Linux 6.7).
  kFileWhiteout = 6,
};

// Rows of an obstacle and the [start, end) of its path; or which call failed where.
struct ObstacleTable {
  TreeResult end;
  Table table;
};
napi_value Encode(napi_env env, const ObstacleTable& result);

// Whiteouts and opaque markers that were converted, files of bookkeeping that were dropped; or
// which call failed where.
struct ConvertCounts {
  TreeResult end;
  Row row;
};
napi_value Encode(napi_env env, const ConvertCounts& result);

// `overlay`: the form of overlay that is converted to or from: its attributes' prefix.
ObstacleTable FindObstacles(Text path, uint32_t overlay, bool to_aufs);
ConvertCounts ConvertLayer(Text path, uint32_t overlay, bool to_aufs);

}  // namespace graphdriver
