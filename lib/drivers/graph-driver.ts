import type { FileHandle } from 'node:fs/promises'
import type { Change } from '../archive/changes.ts'
import type { ArchiveLimits } from '../archive/limits.ts'
import type { TarSource } from '../archive/source.ts'
import type { UnpackResult } from '../archive/unpack.ts'
import type { PackResult, PackStream } from '../archive/pack.ts'
import type { ProgressOptions } from '../archive/progress.ts'
import type { Mount } from '../mount/plan.ts'
import type { SyncLevel } from '../store/index.ts'
import type { AufsInfo, AufsOptions } from './aufs/index.ts'
import type { OverlayOptions } from './overlay/index.ts'
import type { VfsOptions } from './vfs/index.ts'

/** How a store is opened. */
export interface OpenOptions {
  /** Absolute path of the store; resolved once. A missing one is made, parents too. */
  root: string
  /** Name of a registered driver. Left out: the one that the store has, else the first that works. */
  driver?: string
  /**
   * Look only: nothing is written or swept, and no kernel support is needed. A store that was opened for writing before is not
   * converted meanwhile.
   */
  readOnly?: boolean
  /** A group id that may pass through the root (mode 0710, else 0700). */
  group?: number
  /**
   * What survives a power loss. 'none': whatever the filesystem keeps. 'metadata' (the default): the store is consistent,
   * contents of the last seconds may be incomplete. 'full': a layer is whole or absent.
   */
  sync?: SyncLevel
  aufs?: AufsOptions
  overlay?: OverlayOptions
  vfs?: VfsOptions
}

/** What every call of a driver takes. */
export interface CallOptions extends ProgressOptions {
  /**
   * Aborting rejects at once with the signal's reason. A system call already running is awaited behind the scenes and its effect
   * undone; the layer is locked until then. A removal that has begun is completed.
   */
  signal?: AbortSignal
}

export interface CreateOptions extends CallOptions {
  /** The layer below. Left out: a base layer. */
  parent?: string
}

export interface CreateFromOptions extends CreateOptions, ApplyOptions {
  /** A tar of what the layer is to hold, as for `applyDiff`. */
  from: TarSource
}

export interface GetOptions extends CallOptions {
  /** A view that cannot be written through; it shows what writers do meanwhile. */
  readOnly?: boolean
  /** An SELinux mount label. */
  mountLabel?: string
}

export interface PutOptions extends CallOptions {
  /** Take the mount out of sight at once, though somebody still uses it (MNT_DETACH). */
  detach?: boolean
  /** Unmount what is mounted below first. */
  recursive?: boolean
}

export interface MountsOptions extends CallOptions {
  /** As a view that cannot be written through. */
  readOnly?: boolean
  mountLabel?: string
}

export interface CleanupOptions extends CallOptions {
  /** Delete contents that belong to no layer, too. */
  orphans?: boolean
}

export interface DiffOptions extends CallOptions {
  /** Another layer to compare with than the one directly below: the two views are compared. */
  parent?: string
  /**
   * 'exact' (the default): times to the nanosecond. 'seconds': cut to whole seconds, as Docker and containerd write them, so that a layer
   * which came from one of their tars gives the same bytes again where nothing else differs.
   */
  times?: 'exact' | 'seconds'
}

export interface ApplyOptions extends CallOptions {
  /** How much the tar may ask for. */
  limits?: ArchiveLimits
}

/** What became of a tar that came in. */
export type ApplyResult = UnpackResult

export interface CompareOptions extends CallOptions {
  /** Another layer to compare with than the one directly below. */
  parent?: string
}

/** A layer's tar as it is made. `warnings` tells what it could not hold; complete at its end. */
export type DiffStream = PackStream

/** What `diffTo` wrote. */
export type DiffResult = PackResult

/** What `cleanup` did. */
export interface CleanupResult {
  /** Layers whose mounts were taken away. */
  unmounted: string[]
  /** Layers that nobody holds and whose mounts somebody still uses. */
  busy: string[]
  /** Orphans that were deleted. */
  removed: string[]
}

/** A layer, as `list` has it. */
export interface LayerInfo {
  id: string
  /** Left out for a base layer. */
  parent?: string
  /** Ids of the layers directly above, sorted. */
  children: string[]
  /** Something is mounted at `mnt/<id>` in this mount namespace. */
  mounted: boolean
  /** This instance holds a reference. */
  held: boolean
  /** Anybody holds one, or it is mounted. */
  inUse: boolean
  /** 'corrupt': its metadata cannot be read, or its contents are missing. 'orphan': contents without metadata, no layer at all. */
  fault?: 'corrupt' | 'orphan'
}

/** What a store is, and what this machine can do with it. */
export interface DriverInfo {
  driver: string
  root: string
  backingFilesystem: string
  layers: number
  mounted: number
  /** Layers that this instance holds. */
  held: number
  orphans: string[]
  /** What the driver found out about this machine, by label. */
  features: Record<string, string>
  /** Of the aufs driver, on a store that was not opened read-only. */
  aufs?: AufsInfo
}

/** The directories of one layer. */
export interface LayerLayout {
  /** Where `get` shows it. */
  target: string
  /** Its own contents. */
  diff: string
  /** overlay's work directory. */
  work?: string
  /** The contents of its ancestors, nearest first. */
  lowers: string[]
}

/** A reference as a handle. */
export interface Rootfs extends AsyncDisposable {
  readonly path: string
  /** An O_PATH descriptor of the directory, for whoever may not pass through the root; -1 once it is released. */
  readonly fd: number
  /** Closes the descriptor and gives the reference back. A second call does nothing. */
  release(): Promise<void>
}

/**
 * A tree of layers in one root directory. Every call rejects with ERR_DRIVER_CLOSED after `close`, and with
 * ERR_INVALID_LAYER_ID or a TypeError for an id that cannot be one; a failed system call rejects with a SyscallError.
 */
export interface GraphDriver extends AsyncDisposable {
  readonly name: string
  readonly root: string
  /** Rows of label and value, for people. */
  status(): Promise<[label: string, value: string][]>
  /** The same as data. */
  info(): Promise<DriverInfo>
  /** All layers, sorted by bytes. */
  list(): Promise<LayerInfo[]>
  /** Whether there is a layer of this id. */
  exists(id: string): Promise<boolean>
  /**
   * Makes a layer, empty but for what it inherits.
   *
   * @throws GraphDriverError ERR_LAYER_EXISTS; ERR_LAYER_NOT_FOUND (the parent); ERR_LAYER_CORRUPT;
   * ERR_TOO_MANY_LAYERS; ERR_LAYER_IN_USE (somebody may write to the parent); ERR_STORE_READ_ONLY
   */
  create(id: string, options?: CreateOptions & { from?: undefined }): Promise<void>
  /**
   * Makes a layer of a tar, whole or not at all: it exists once everything is in it. The parent is frozen meanwhile.
   *
   * @throws as above, and as `applyDiff`.
   */
  create(id: string, options: CreateFromOptions): Promise<ApplyResult>
  /**
   * Deletes a layer; a mount that nobody holds is taken away first. A layer that is gone, and whose contents could not be deleted
   * (EIO), is no failure: the next `open` deletes them, and `graphdriver:warning` tells of it.
   *
   * @throws GraphDriverError ERR_LAYER_NOT_FOUND; ERR_LAYER_IN_USE; ERR_LAYER_HAS_CHILDREN; ERR_LAYER_BUSY;
   * ERR_LAYER_NOT_EMPTY (files of somebody's in the mount point); ERR_STORE_READ_ONLY
   */
  remove(id: string, options?: CallOptions): Promise<void>
  /**
   * Takes a reference and answers where the layer is seen as one with its ancestors. A base layer is its own directory. The first
   * reference mounts. A layer with children is frozen: its mount is read-only.
   *
   * @throws GraphDriverError ERR_LAYER_NOT_FOUND; ERR_LAYER_CORRUPT; ERR_LAYER_IN_USE (the kernel still has it alive elsewhere);
   * ERR_MOUNT_MISMATCH (held with another label, or other writability); ERR_STORE_READ_ONLY
   */
  get(id: string, options?: GetOptions): Promise<string>
  /**
   * Gives the newest reference of this instance back; the last one of anybody unmounts. Without a reference here: takes
   * away a mount that nobody holds. Fails without effect, so it can be repeated.
   *
   * @throws GraphDriverError ERR_LAYER_BUSY (mounts below it, or processes in it, named); ERR_LAYER_IN_USE (held elsewhere,
   * and not here)
   */
  put(id: string, options?: PutOptions): Promise<void>
  /** As `get`, as a handle for `await using`. */
  use(id: string, options?: GetOptions): Promise<Rootfs>
  /** The mount as data, to be performed elsewhere. Takes no reference, performs nothing. */
  mounts(id: string, options?: MountsOptions): Promise<Mount[]>
  /** Where the layer's directories are. */
  layout(id: string): Promise<LayerLayout>
  /**
   * The layer as a tar: what it adds, modifies and deletes against the layer below. By the rules of the OCI image specification (layer.md):
   * deletions are `.wh.` files; times, owners, extended attributes and hard links are exact. The same layer gives the same bytes, whatever
   * driver it came in by. The root has an entry (`./`) only when its owner, mode or extended attributes are not its parent's.
   *
   * The layer cannot be removed until the stream ends, fails or is destroyed. A layer that is being written to gives a tar that is well
   * formed; `warnings` of the stream tells of files that changed while they were read.
   *
   * @throws GraphDriverError ERR_LAYER_NOT_FOUND (the parent, too); ERR_LAYER_CORRUPT; ERR_LAYER_IN_USE. Later failures (a SyscallError
   * with the file's path) destroy the stream.
   */
  diff(id: string, options?: DiffOptions): Promise<DiffStream>
  /**
   * As `diff`, into an open file, pipe or socket, from where it stands; nothing passes through JavaScript.
   * What was written before a failure stays written.
   *
   * @throws as `diff`; SyscallError ENOSPC, EPIPE, …
   */
  diffTo(id: string, to: FileHandle, options?: DiffOptions): Promise<DiffResult>
  /**
   * Unpacks a tar into an empty layer, whole or not at all: aside, and then put in its place at one instant. The tar is plain or compressed with
   * gzip or zstd (Node.js 22.15), and may come from anywhere: nothing outside the layer is touched whatever it says. What could not be kept
   * (an extended attribute that the filesystem refused, a device in a user namespace) is in the result's `warnings`.
   *
   * @throws GraphDriverError ERR_LAYER_NOT_FOUND; ERR_LAYER_IN_USE (held, mounted, or alive in the kernel); ERR_LAYER_HAS_CHILDREN;
   * ERR_LAYER_NOT_EMPTY; ERR_STORE_READ_ONLY; ERR_ARCHIVE_FORMAT, ERR_ARCHIVE_TRUNCATED, ERR_ARCHIVE_LIMIT, ERR_ARCHIVE_UNSUPPORTED,
   * ERR_ARCHIVE_PATH, ERR_ARCHIVE_LINK, ERR_ARCHIVE_WHITEOUT; SyscallError (ENOSPC, EDQUOT, …); whatever the source throws.
   */
  applyDiff(id: string, tar: TarSource, options?: ApplyOptions): Promise<ApplyResult>
  /**
   * What the layer adds, modifies and deletes against the layer below, or against another. In the order of its tar. A directory is
   * modified when an entry was added to it or deleted from it, or when its own mode, owner or extended attributes differ; never for its
   * times alone, and never the root. Links are not followed. A union's layer is asked what it holds; where the parent is another, and for vfs,
   * the two views are compared, exactly to the nanosecond.
   *
   * @throws GraphDriverError ERR_LAYER_NOT_FOUND (the parent, too); ERR_LAYER_CORRUPT; ERR_LAYER_IN_USE. SyscallError of the call that failed.
   */
  changes(id: string, options?: CompareOptions): Promise<Change[]>
  /**
   * Bytes in the files and links that the layer adds or modifies, each inode once; links count their length. Directories, devices and
   * deletions count nothing.
   *
   * @throws as `changes`.
   */
  diffSize(id: string, options?: CompareOptions): Promise<number>
  /**
   * Makes one base layer, `newId`, of a layer and all below it: what a mount of `id` shows, so that a chain that has become too long can go on.
   * It exists whole or not at all. `id` is frozen meanwhile, as by a child. Owners, modes, times to the nanosecond, extended attributes, hard
   * links, devices and holes are as they are in the chain; sockets are left out. Files are copies, sharing their blocks where the filesystem
   * can (reflink): nothing that is written to the new layer can reach the chain. No mount is made, but for overlay with `metacopy` or `redirectDir`.
   * Progress counts bytes of files, and entries.
   *
   * @throws GraphDriverError ERR_LAYER_NOT_FOUND; ERR_LAYER_EXISTS (`newId`); ERR_LAYER_CORRUPT; ERR_LAYER_IN_USE (somebody may write to `id`);
   * ERR_STORE_READ_ONLY. SyscallError of the call that failed, with its path: ENOSPC, EDQUOT, EACCES; EXDEV (something is mounted in a
   * layer's directory, and this process may not look under it); EREMOTE (a file whose contents are in a layer below).
   */
  flatten(id: string, newId: string, options?: CallOptions): Promise<void>
  /** Unmounts every mount of this root that nobody holds. */
  cleanup(options?: CleanupOptions): Promise<CleanupResult>
  /** Gives back this instance's references and waits for its calls. */
  close(): Promise<void>
}
