/**
 * Layered root filesystems, straight from the kernel: a graph driver keeps a tree of layers on disk, and joins a
 * layer and its ancestors into one root with a union mount.
 *
 * @packageDocumentation
 */

export type { Change } from './archive/changes.ts'
export type { ArchiveLimits } from './archive/limits.ts'
export type { PackWarning } from './archive/pack.ts'
export type { TarSource } from './archive/source.ts'
export type { UnpackWarning } from './archive/unpack.ts'
export type { Progress } from './archive/progress.ts'
export type { PackWarningCode } from './sys/pack.ts'
export type { AufsCreatePolicy, AufsForm, AufsInfo, AufsOptions } from './drivers/aufs/index.ts'
export type {
  Driver,
  DriverDetails,
  DriverFactory,
  LayerPaths,
  MountOptions,
  ProbeReport,
  Stack,
  Staging,
} from './drivers/driver.ts'
export type {
  ApplyOptions,
  ApplyResult,
  CallOptions,
  CleanupOptions,
  CleanupResult,
  CompareOptions,
  CreateFromOptions,
  CreateOptions,
  DiffOptions,
  DiffResult,
  DiffStream,
  DriverInfo,
  GetOptions,
  GraphDriver,
  LayerInfo,
  LayerLayout,
  MountsOptions,
  OpenOptions,
  PutOptions,
  Rootfs,
} from './drivers/graph-driver.ts'
export type {
  ConvertOptions,
  ConvertProgress,
  ConvertResult,
  ConvertTarget,
} from './drivers/convert/index.ts'
export { convert, open, probe } from './drivers/late.ts'
export type { OverlayForm, OverlayOptions } from './drivers/overlay/index.ts'
export { drivers, register } from './drivers/registry.ts'
export type { VfsOptions } from './drivers/vfs/index.ts'
export type { DataPiece, Mount, MountPlan, MountStep, Setting } from './mount/plan.ts'
export type { SyncLevel, XattrPrefix } from './store/index.ts'
export type {
  EventError,
  MountEvent,
  RetryEvent,
  SweepEvent,
  UnmountEvent,
  WarningEvent,
} from './sys/events.ts'
export { SyscallError } from './sys/error.ts'
export type { SyscallContext } from './sys/error.ts'
export { GraphDriverError } from './sys/failure.ts'
export type { GraphDriverErrorCode, GraphDriverErrorOptions } from './sys/failure.ts'
