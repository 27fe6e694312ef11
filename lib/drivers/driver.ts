import type { MountPlan } from '../mount/plan.ts'
import type { SyscallError } from '../sys/index.ts'
import type { XattrPrefix } from '../store/index.ts'
import type { AufsInfo } from './aufs/details.ts'

/** Where one layer lies. */
export interface LayerPaths {
  readonly id: string
  /** Its own contents. */
  readonly diff: string
  /** Where it is seen as one with its ancestors. */
  readonly target: string
  /** Its entry in one of the driver's own directories. */
  own(directory: string): string
}

/** A layer and all below it. */
export interface Stack {
  readonly layer: LayerPaths
  /** Its ancestors, nearest first. */
  readonly ancestors: readonly LayerPaths[]
  /** Their contents: what a union has below. */
  readonly lowers: readonly string[]
}

/** How a stack of layers is to be mounted. */
export interface MountOptions {
  /** The layer's own contents are one more read-only layer. */
  readonly readOnly: boolean
  /** An SELinux mount label, for `context=`. */
  readonly label?: string
}

/** What a driver tells of an open root, beside what it found out at first. */
export interface DriverDetails {
  /** For people. */
  readonly rows: Readonly<Record<string, string>>
  /** As data. */
  readonly aufs?: AufsInfo
}

/** Whether a driver can work on a root, and if not, exactly why. */
export interface ProbeReport {
  readonly driver: string
  readonly supported: boolean
  /** The class of the refusal. */
  readonly code?: 'ERR_DRIVER_NOT_SUPPORTED' | 'ERR_DRIVER_PREREQUISITE' | 'ERR_DRIVER_BACKING_FS'
  /** Why it cannot work here, or what it will do without. */
  readonly reason?: string
  /** The error of the call that said so. */
  readonly cause?: unknown
  /** What was found out, for status. */
  readonly features: Readonly<Record<string, string>>
}

/**
 * A driver: what is special to one kind of union. It says whether it can work, turns stacks into mount plans and
 * names its whiteouts. Everything else (layout, locks, references, recovery) is shared.
 */
export interface Driver {
  readonly name: string
  /** How a deletion is written down in a layer's own contents. */
  readonly whiteouts: 'aufs' | 'overlay' | 'none'
  /** Directories beside the store's own, with one entry a layer. */
  readonly directories: readonly string[]
  /** Where its bookkeeping xattrs lie; null where it has none. Known after probe. */
  readonly xattrs: XattrPrefix | null
  /** A layer's directory may point into those below (overlay's metacopy, redirect_dir): only its mount shows all of it. */
  readonly indirect?: boolean
  /** The most ancestors that a layer can have. */
  readonly maxLowers: number

  /** Told before the probe what an existing store has: it goes on with the same xattrs or not at all. */
  adopt?(xattrs: XattrPrefix | null): void
  /** Refuses a root by its name alone, before anything is touched; undefined: it may be tried. */
  refuse?(root: string): ProbeReport | undefined
  /** Tries itself out in an empty directory on the root's filesystem; leaves nothing mounted. */
  probe(directory: string): Promise<ProbeReport>
  /** Makes ready what an open root needs beside its layers; answers what to tell of it, for status. */
  start?(root: string): Promise<Readonly<Record<string, string>>>
  /** How an open root is now; undefined before `start`. */
  details?(): Promise<DriverDetails | undefined>
  /** The root is being closed. */
  stop?(): Promise<void>
  /** The mounts that make a stack one. Pure; undefined: the diff directory is the view. */
  plan(stack: Stack, options: MountOptions): MountPlan | undefined
  /** Makes a new layer's entries in the driver's own directories. */
  prepare?(layer: LayerPaths, parent: LayerPaths | undefined): Promise<void>
  /**
   * Brings a layer's directory up to date before its first use (vfs: copies the parent).
   * `stage` makes an empty directory on the same filesystem; what it holds is deleted afterwards.
   */
  populate?(stack: Stack, stage: Staging): Promise<void>
  /** Puts into an empty directory what a tar is applied to (vfs: a copy of the parent); nothing for a union. */
  fill?(stack: Stack, directory: string): Promise<void>
  /** Another directory takes the place of a layer's, which is empty: what the driver keeps of that one goes. */
  replacing?(layer: LayerPaths): Promise<void>
  /** A layer's directory is whole now: it was put in place by a tar. */
  filled?(layer: LayerPaths): Promise<void>
  /** What shows a layer that is not populated yet, to be read only; undefined where its own directory does. */
  standIn?(stack: Stack): Promise<string | undefined>
  /**
   * Mounts a plan in one job where nothing at all is in the way: nothing is mounted there, no live union has the same contents writable, and
   * what is mounted is right. False: nothing was done, and the steps one by one tell why.
   */
  mountAtOnce?(target: string, plan: MountPlan, stack: Stack): Promise<boolean>
  /** Runs just before a mount of its own: what the kernel needs anew. */
  beforeMount?(stack: Stack, options: MountOptions): Promise<void>
  /** Runs the performing of a plan, where the kernel cannot stand two at once. */
  exclusive?<T>(work: () => Promise<T>): Promise<T>
  /**
   * Checks that a mount is what the plan says: one that was just made, or one that was found.
   *
   * @throws GraphDriverError ERR_MOUNT_MISMATCH
   */
  verify?(target: string, plan: MountPlan, origin: 'made' | 'found'): Promise<void>
  /** Runs just before a layer's union is unmounted: what would be lost with it is written to the layer's own directory. */
  beforeUnmount?(layer: LayerPaths): Promise<void>
  /** Runs before a layer's own directory is read while its union may be mounted: the directory has to tell all. */
  beforeRead?(layer: LayerPaths): Promise<void>
  /** Whether the kernel still has a writable union on these contents, in any namespace, even a detached one. */
  alive?(diff: string, staging: Staging): Promise<boolean>
  /** Who sees such a union, for people. */
  liveMounts?(diff: string): Promise<{ readonly pid: number; readonly mountPoint: string }[]>
  /** The cause of a failed mount, found afterwards; or what was ruled out. */
  explain?(error: SyscallError, plan: MountPlan, stack: Stack): Promise<string | undefined>
}

/** A place for what is not yet part of a layer. */
export interface Staging {
  /** Makes an empty directory, with `word` in its name, and answers its path. */
  make(word: string): Promise<string>
  /** Sees to it that the contents survive a power loss, as far as the store was asked to. */
  persist(path: string): Promise<void>
  /** Deletes one that was made. */
  discard(path: string): Promise<void>
}

/** Makes a driver for one opened root. The options are those of `open` under the driver's name. */
export type DriverFactory = (options: unknown) => Driver
