// The register: one line a function. What each takes and answers is said in lib/sys/native.ts.
#include <napi.h>

#include "aufs.h"
#include "bind.h"
#include "chain.h"
#include "changes.h"
#include "comparepack.h"
#include "convert.h"
#include "file.h"
#include "flatten.h"
#include "listmount.h"
#include "lock.h"
#include "mount.h"
#include "mountinfo.h"
#include "names.h"
#include "newmount.h"
#include "op.h"
#include "overlay.h"
#include "packjob.h"
#include "plink.h"
#include "sha256.h"
#include "stat.h"
#include "tarlist.h"
#include "tree.h"
#include "unpackjob.h"
#include "xattr.h"

namespace graphdriver {

namespace {

// Trees, layers and views of them.
void AddTreeCalls(napi_env env, napi_value to, Environment* environment) {
  Op<&RemoveTree, Lane::kTree>::Add(env, to, "removeTree", environment);
  Op<&CopyTree, Lane::kTree>::Add(env, to, "copyTree", environment);
  Op<&FindObstacles, Lane::kTree>::Add(env, to, "findObstacles", environment);
  Op<&ConvertLayer, Lane::kTree>::Add(env, to, "convertLayer", environment);
  Op<&Flatten, Lane::kFile>::Add(env, to, "flatten", environment);
  Op<&FlattenRun, Lane::kTree>::Add(env, to, "flattenRun", environment);
  Op<&FlattenProgress, Lane::kFile>::Add(env, to, "flattenProgress", environment);
  Op<&FlattenCancel, Lane::kFile>::Add(env, to, "flattenCancel", environment);
  Op<&ViewsOf, Lane::kFile>::Add(env, to, "viewsOf", environment);
  Op<&ViewChanges, Lane::kTree>::Add(env, to, "viewChanges", environment);
  Op<&ViewChangedSize, Lane::kTree>::Add(env, to, "viewChangedSize", environment);
  Op<&ViewLayerSize, Lane::kTree>::Add(env, to, "viewLayerSize", environment);
  Op<&ViewsCancel, Lane::kFile>::Add(env, to, "viewsCancel", environment);
  Op<&PackDifference, Lane::kFile>::Add(env, to, "packDifference", environment);
  Op<&PackTree, Lane::kFile>::Add(env, to, "packTree", environment);
  Op<&PackNext, Lane::kTree>::Add(env, to, "packNext", environment);
  Op<&PackInto, Lane::kTree>::Add(env, to, "packInto", environment);
  Op<&PackCancel, Lane::kFile>::Add(env, to, "packCancel", environment);
  Op<&PackProgress, Lane::kFile>::Add(env, to, "packProgress", environment);
  Op<&PackWarnings, Lane::kFile>::Add(env, to, "packWarnings", environment);
}

void AddCalls(napi_env env, napi_value to, Environment* environment) {
  Op<&Mount, Lane::kMount, &UndoMount>::Add(env, to, "mount", environment);
  Op<&MountAt, Lane::kMount, &UndoMountAt>::Add(env, to, "mountAt", environment);
  Op<&Umount2, Lane::kUnmount>::Add(env, to, "umount2", environment);
  Op<&NewMount, Lane::kMount>::Add(env, to, "newMount", environment);
  Op<&Reconfigure, Lane::kMount>::Add(env, to, "reconfigure", environment);
  Op<&BindCopy, Lane::kMount, &UndoBindCopy>::Add(env, to, "bindCopy", environment);
  Op<&OverlayInUse, Lane::kMount>::Add(env, to, "overlayInUse", environment);
  Op<&MountOverlay, Lane::kMount, &UndoMountOverlay>::Add(env, to, "mountOverlay", environment);
  Op<&MountNewOverlay, Lane::kMount, &UndoMountNewOverlay>::Add(env, to, "mountNewOverlay",
                                                                environment);
  Op<&OpenTree, Lane::kMount>::Add(env, to, "openTree", environment);
  Op<&MoveMount, Lane::kMount, &UndoMoveMount>::Add(env, to, "moveMount", environment);
  Op<&MountSetattr, Lane::kMount>::Add(env, to, "mountSetattr", environment);
  Op<&Mountinfo, Lane::kFile>::Add(env, to, "mountinfo", environment);
  Op<&MountsChanged, Lane::kFile>::Add(env, to, "mountsChanged", environment);
  Op<&ListMounts, Lane::kFile>::Add(env, to, "listMounts", environment);
  Op<&AufsBranches, Lane::kFile>::Add(env, to, "aufsBranches", environment);
  Op<&AufsUnions, Lane::kFile>::Add(env, to, "aufsUnions", environment);
  Op<&AufsFlush, Lane::kTree>::Add(env, to, "aufsFlush", environment);
  Op<&StatxRow, Lane::kFile>::Add(env, to, "statx", environment);
  Op<&IsMountRoot, Lane::kFile>::Add(env, to, "isMountRoot", environment);
  Op<&StatfsRow, Lane::kFile>::Add(env, to, "statfs", environment);
  Op<&SetLock, Lane::kFile>::Add(env, to, "setLock", environment);
  Op<&GetLock, Lane::kFile>::Add(env, to, "getLock", environment);
  Op<&Openat2, Lane::kFile>::Add(env, to, "openat2", environment);
  // The last descriptor of a detached mount unmounts it.
  Op<&Close, Lane::kUnmount>::Add(env, to, "close", environment);
  Op<&Mkdirat, Lane::kFile>::Add(env, to, "mkdirat", environment);
  Op<&Unlinkat, Lane::kFile>::Add(env, to, "unlinkat", environment);
  Op<&Renameat2, Lane::kFile>::Add(env, to, "renameat2", environment);
  Op<&Mknodat, Lane::kFile>::Add(env, to, "mknodat", environment);
  Op<&Utimensat, Lane::kFile>::Add(env, to, "utimensat", environment);
  Op<&Syncfs, Lane::kTree>::Add(env, to, "syncfs", environment);
  Op<&ReadFile, Lane::kFile>::Add(env, to, "readFile", environment);
  Op<&ReadPair, Lane::kFile>::Add(env, to, "readPair", environment);
  Op<&FindNames, Lane::kFile>::Add(env, to, "findNames", environment);
  Op<&FirstLines, Lane::kTree>::Add(env, to, "firstLines", environment);
  Op<&Getxattr, Lane::kFile>::Add(env, to, "getxattr", environment);
  Op<&Setxattr, Lane::kFile>::Add(env, to, "setxattr", environment);
  Op<&Listxattr, Lane::kFile>::Add(env, to, "listxattr", environment);
  Op<&Removexattr, Lane::kFile>::Add(env, to, "removexattr", environment);
  // Tars in.
  Op<&ListTar, Lane::kTree>::Add(env, to, "listTar", environment);
  Op<&UnpackStart, Lane::kFile>::Add(env, to, "unpackStart", environment);
  Op<&UnpackPut, Lane::kFile>::Add(env, to, "unpackPut", environment);
  Op<&UnpackReadFrom, Lane::kFile>::Add(env, to, "unpackReadFrom", environment);
  Op<&UnpackRoom, Lane::kTree>::Add(env, to, "unpackRoom", environment);
  Op<&UnpackProgress, Lane::kFile>::Add(env, to, "unpackProgress", environment);
  Op<&UnpackEnd, Lane::kTree>::Add(env, to, "unpackEnd", environment);
  Op<&UnpackCancel, Lane::kFile>::Add(env, to, "unpackCancel", environment);
}

struct Errno {
  const char* name;
  int value;
};
constexpr Errno kErrnos[] = {
#define ERRNO(name) {#name, name},
#include "errnos.inc"
#undef ERRNO
};

napi_value Errnos(napi_env env) {
  napi_value object;
  if (napi_create_object(env, &object) != napi_ok) return nullptr;
  for (const Errno& each : kErrnos) {
    napi_value value = Encode(env, each.value);
    if (value == nullptr || napi_set_named_property(env, object, each.name, value) != napi_ok)
      return nullptr;
  }
  return napi_object_freeze(env, object) == napi_ok ? object : nullptr;
}

// The table is made when it is first asked for: a program whose calls succeed never does.
napi_value MakeErrnos(napi_env env, napi_callback_info info) {
  napi_value self;
  napi_value errnos = Errnos(env);
  if (errnos == nullptr || napi_get_cb_info(env, info, nullptr, nullptr, &self, nullptr) != napi_ok)
    return nullptr;
  const napi_property_descriptor made = {"errnos", nullptr, nullptr,         nullptr,
                                         nullptr,  errnos,  napi_enumerable, nullptr};
  return napi_define_properties(env, self, 1, &made) == napi_ok ? errnos : nullptr;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  Environment* environment = Environment::Create(env);
  constexpr auto kUntilMade =
      static_cast<napi_property_attributes>(napi_enumerable | napi_configurable);
  const napi_property_descriptor errnos = {"errnos", nullptr, nullptr,    MakeErrnos,
                                           nullptr,  nullptr, kUntilMade, nullptr};
  if (environment == nullptr || napi_define_properties(env, exports, 1, &errnos) != napi_ok) {
    napi_throw_error(env, "ENOMEM", "ENOMEM");
    return exports;
  }
  AddCalls(env, exports, environment);
  AddTreeCalls(env, exports, environment);
  napi_set_named_property(env, exports, "pageSize", Napi::Number::New(env, getpagesize()));
  napi_set_named_property(env, exports, "sha256", Napi::Boolean::New(env, Sha256::Available()));
  return exports;
}

}  // namespace

NODE_API_MODULE(graphdriver, Init)

}  // namespace graphdriver
