/**
 * Layers as tars: the tree of a directory becomes a tar and a tar becomes entries, by the rules of the OCI image specification; what one
 * stack of layers changes against another. Knows nothing of mounts.
 *
 * @packageDocumentation
 */

export { changes, diffSize } from './changes.ts'
export type { Change, ChangesOptions } from './changes.ts'
export { entries } from './entries.ts'
export type { EntriesOptions, TarEntry } from './entries.ts'
export type { EntryHead, EntryType } from './entry.ts'
export { fromEntries } from './from-entries.ts'
export type { TarEntryInput } from './from-entries.ts'
export type { ArchiveLimits } from './limits.ts'
export { pack, PackStream, packTo } from './pack.ts'
export type { ArchiveWarning, PackOptions, PackResult, PackWarning } from './pack.ts'
export { packDifference, packDifferenceTo } from './pack-difference.ts'
export type { PackDifferenceOptions } from './pack-difference.ts'
export type { Progress, ProgressOptions } from './progress.ts'
export type { TarSource } from './source.ts'
export { unpack } from './unpack.ts'
export type { UnpackOptions, UnpackResult, UnpackWarning } from './unpack.ts'
export type { ChangeJudge, ChangeKind } from '../sys/changes.ts'
export type { LayerForm } from '../sys/layer-form.ts'
export type { PackWarningCode } from '../sys/pack.ts'
export type { UnpackWarningCode } from '../sys/unpack.ts'
