/**
 * Mounts as things: flags as words, all or nothing, and errors that say why.
 *
 * @packageDocumentation
 */

export { abortable, gathered } from './abort.ts'
export type { SignalOptions } from './abort.ts'
export { DetachedMount, performDetached } from './detached.ts'
export type { AttributeOptions, CloneOptions } from './detached.ts'
export { escapeLowerdir, escapeUpperdir, joinLowerdirs, splitLowerdirs } from './escape.ts'
export { describeHolders, holders } from './holders.ts'
export type { Holder } from './holders.ts'
export { findMount, isMountPoint, isMountPointSync, list, mountIdOf, uniqueMountIdOf } from './lookup.ts'
export type { ListOptions, LookupOptions } from './lookup.ts'
export { mountMany, unmountMany } from './many.ts'
export { flagWords, joinData, optionWords, pageFit, parseOptions, splitOptions } from './options.ts'
export type { AttributeChange, ParsedOptions } from './options.ts'
export { perform } from './perform.ts'
export type { DataPiece, Mount, MountPlan, MountStep, Setting } from './plan.ts'
export { mount } from './spec.ts'
export type { MountSpec } from './spec.ts'
export { MountTable } from './table.ts'
export type { MountTableOptions } from './table.ts'
export { unmount, unmountTree } from './unmount.ts'
export type { Patience, UnmountOptions, UnmountTreeOptions } from './unmount.ts'
export { withMount } from './with-mount.ts'
export type { WithMountSpec } from './with-mount.ts'
