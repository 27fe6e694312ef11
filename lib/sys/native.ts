/**
 * The typed face of the addon: the contract between floor 0 and floor 1.
 *
 * A native function answers its value, or a negative errno (the kernel's and libuv's own convention). It never
 * throws, except a TypeError for arguments that floor 1 should have refused. Each name exists twice: `umount2`
 * answers a promise from a thread of the addon's own, `umount2Sync` runs on the calling thread.
 */

/** A path as the kernel sees it: bytes without NUL. A string is taken as UTF-8. */
export type Path = string | Uint8Array

/** What a job of several system calls answers when one of them failed. */
export interface Failure {
  /** Negative errno of the call that failed. */
  readonly errno: number
  /** Which call it was: an index that the function documents. */
  readonly step: number
  /** The kernel's own words from the filesystem context, a line each; empty where there are none. */
  readonly log: string
}

/** Rows of 64-bit numbers, and the bytes that they point into. */
export interface WideTable {
  readonly rows: BigInt64Array
  readonly text: Uint8Array
}

/** An object of the addon: it is passed back to its functions, and freed when nobody holds it. */
export interface NativeHandle<Of extends string> {
  readonly nativeHandleOf: Of
}

/** Rows of numbers, and the text that they point into. */
export interface FlatTable {
  readonly rows: Int32Array
  /** One character a byte (latin1). */
  readonly text: string
}

/** What a job over a tree answers when a call failed. */
export interface TreeFailure {
  readonly errno: number
  /** Name of the system call. */
  readonly syscall: string
  /** Where in the tree, relative to its root, as bytes. */
  readonly path: Uint8Array
}

/** The file /proc/<pid>/mountinfo, parsed but not yet looked at. */
export interface FlatMountinfo {
  /** `ROW` numbers a mount, in the order of `MountinfoField`; text fields are [start, end) in `text`. */
  readonly rows: Int32Array
  /** The bytes of the file, one character a byte (latin1), octal escapes as the kernel wrote them. */
  readonly text: string
}

/** What is in one directory, as files: names and first lines, and sums of what they hold. */
export interface FlatFirstLines {
  /** Numbers of a file, in the order of `FirstLineField`. */
  readonly rows: Int32Array
  /** One character a byte (latin1): a name, and then its line, without the end and cut to 256 bytes. */
  readonly text: string
}

/** Offsets in one row of `FlatFirstLines.rows`. */
export const FirstLineField = {
  /** Where the name begins in `text`; where it ends and the line begins; where that ends. */
  start: 0,
  nameEnd: 1,
  lineEnd: 2,
  size: 3,
  /** Of an empty file only. */
  mode: 4,
  /** 0, or why the file could not be read: a negative errno. */
  error: 5,
  /** 64 bits of the whole text, and of what is behind the first line. */
  sum: 6,
  sumBehind: 8,
  /** Numbers in a row. */
  count: 10,
} as const

/** The branches of an aufs union, the writable one first. */
export interface FlatBranches {
  /** Four numbers a branch: its id, its permission bits, and [start, end) of its path in `text`. */
  readonly rows: Int32Array
  /** One character a byte (latin1), octal escapes as the kernel wrote them. */
  readonly text: string
}

/** Offsets in one row of `FlatMountinfo.rows`. */
export const MountinfoField = {
  id: 0,
  parent: 1,
  major: 2,
  minor: 3,
  root: 4,
  mountPoint: 6,
  options: 8,
  /** All the optional fields (shared:, master:, …) as one slice, single spaces between; start = end when none. */
  optional: 10,
  type: 12,
  source: 14,
  superOptions: 16,
  /** Numbers in a row. */
  row: 18,
} as const

/** Every function of the addon, in its sync form. */
export interface Calls {
  // mount.cc
  /** mount(2). Data of a page or more answers -E2BIG: the kernel would cut it silently. */
  mount(source: Path | null, target: Path, type: string | null, flags: number, data: Path | null): number
  /** mount(2) from a thread of its own whose working directory is `directory`, so that names in `data` may be relative. */
  mountAt(
    directory: Path,
    source: Path | null,
    target: Path,
    type: string | null,
    flags: number,
    data: Path | null,
  ): number
  umount2(target: Path, flags: number): number
  /**
   * fsopen, fsconfig…, FSCONFIG_CMD_CREATE, fsmount as one job. `commands` holds [FSCONFIG_SET_*, aux] a setting,
   * `words` holds `key NUL value NUL` a setting (the value empty where the command takes none; for SET_FD aux is the fd).
   * `flags` go to fsopen, and `attributes` (MOUNT_ATTR_*) to fsmount; attributes -1: stop after CREATE, answer 0.
   * Answers the detached mount's fd. Step: 0 fsopen, 1…n the settings, n+1 create, n+2 fsmount.
   */
  newMount(
    type: string,
    commands: Int32Array,
    words: Uint8Array,
    flags: number,
    attributes: number,
  ): number | Failure
  /** fspick, fsconfig…, FSCONFIG_CMD_RECONFIGURE as one job. Step: 0 fspick, 1…n the settings, n+1 reconfigure. */
  reconfigure(
    dirfd: number,
    path: Path,
    flags: number,
    commands: Int32Array,
    words: Uint8Array,
  ): number | Failure
  // bind.cc
  /**
   * A copy of a mount at another place, with its attributes from the first moment: `set` and `clear` of the mount, `allSet` and `allClear` of
   * it and all below. Step: 0 open_tree, 1 mount_setattr, 2 move_mount.
   */
  bindCopy(
    source: Path,
    target: Path,
    below: boolean,
    set: bigint,
    clear: bigint,
    allSet: bigint,
    allClear: bigint,
  ): number | Failure
  // overlay.cc
  /**
   * Whether a directory is the upper of a live overlay, 1 or 0. `scratch`: an empty directory for the question's own upper; null: on a
   * tmpfs of a moment. Step: 0 open, 1 fsopen, 2 fsconfig, 3 fsmount, 4 mkdirat.
   */
  overlayInUse(directory: Path, scratch: Path | null): number | Failure
  /**
   * That question, and mount(2) of an overlay, where nothing is in the way: `target` is a directory on which nothing is mounted, `work` one of
   * mode 0700, and what was mounted is not read-only (the last three only where `upper` is given). Else nothing is done.
   */
  mountOverlay(upper: Path | null, work: Path | null, target: Path, flags: number, data: Path): number
  /** The same by a filesystem context, with the settings and attributes of newMount. */
  mountNewOverlay(
    upper: Path | null,
    work: Path | null,
    target: Path,
    commands: Int32Array,
    words: Uint8Array,
    attributes: number,
  ): number
  // mount.cc
  openTree(dirfd: number, path: Path, flags: number): number
  moveMount(fromDirfd: number, fromPath: Path, toDirfd: number, toPath: Path, flags: number): number
  mountSetattr(
    dirfd: number,
    path: Path,
    flags: number,
    set: bigint,
    clear: bigint,
    propagation: bigint,
    usernsFd: number,
  ): number
  // mountinfo.cc
  /** Reads and parses a mountinfo file; null is /proc/thread-self/mountinfo. */
  mountinfo(path: Path | null): FlatMountinfo | number
  /** poll(2): whether the table that a descriptor is open on changed since this was asked last, 1 or 0. */
  mountsChanged(fd: number): number
  // listmount.cc
  /** The same table by listmount(2) and statmount(2), the options of the filesystems empty. `flags`: 0. */
  listMounts(flags: number): FlatMountinfo | number
  // aufs.cc
  /** The branches of the union that a directory is in, by the ioctl BRINFO; on another filesystem -ENOTTY. */
  aufsBranches(dirfd: number, path: Path): FlatBranches | number
  /** The names (`si_…`) of the live unions that sysfs shows in `path`, a NUL after each. */
  aufsUnions(path: Path): Uint8Array | number
  // plink.cc
  /**
   * Links every name of a pseudo-linked file into the writable branches (`branches`: a NUL after each); answers how many names it
   * touched. `si`: the union's number; then the kernel's notes are dropped too, in its maintenance mode, on one thread. Failures of that
   * are those of the calls `open` and `write`.
   */
  aufsFlush(dirfd: number, path: Path, branches: Uint8Array, si: string | null): number | TreeFailure
  // stat.cc
  statx(dirfd: number, path: Path, flags: number, mask: number): BigInt64Array | number
  /** Whether something is mounted exactly here, by statx(2): 1 yes, 0 no, 2 the kernel does not say. */
  isMountRoot(path: Path, flags: number): number
  statfs(path: Path): BigInt64Array | number
  // lock.cc: open-file-description locks, never the waiting form
  /** fcntl F_OFD_SETLK. `type`: F_RDLCK, F_WRLCK or F_UNLCK. A conflict answers -EAGAIN. */
  setLock(fd: number, type: number, start: number, length: number): number
  /** fcntl F_OFD_GETLK: the type of a lock in the way of `type`, or F_UNLCK. */
  getLock(fd: number, type: number, start: number, length: number): number
  // file.cc
  openat2(dirfd: number, path: Path, flags: number, mode: number, resolve: number): number
  close(fd: number): number
  mkdirat(dirfd: number, path: Path, mode: number): number
  unlinkat(dirfd: number, path: Path, flags: number): number
  renameat2(oldDirfd: number, oldPath: Path, newDirfd: number, newPath: Path, flags: number): number
  mknodat(dirfd: number, path: Path, mode: number, major: number, minor: number): number
  /** Times in nanoseconds since 1970; null leaves a time as it is (UTIME_OMIT). */
  utimensat(dirfd: number, path: Path, atime: bigint | null, mtime: bigint | null, flags: number): number
  syncfs(fd: number): number
  /** open (O_NOFOLLOW), read to the end, close, in one job. More than `limit` bytes answers -EFBIG. */
  readFile(dirfd: number, path: Path, limit: number): Uint8Array | number
  // chain.cc
  /** Files of a directory: one, and the one that its first line names, if that can be read. One character a byte (latin1). */
  readPair(directory: Path, name: Path, limit: number): string[] | number
  // names.cc
  /** The names in a directory that begin or end so, a NUL after each; an empty word matches nothing. */
  findNames(path: Path, beginning: Path, ending: Path): Uint8Array | number
  /** What is in a directory, as files; one of more than `limit` bytes has -EFBIG in its row, what is no plain file -EINVAL. */
  firstLines(path: Path, limit: number): FlatFirstLines | number
  // xattr.cc: `follow` false is the l… form. A path may be /proc/self/fd/<n> with follow true.
  getxattr(path: Path, name: Path, follow: boolean): Uint8Array | number
  setxattr(path: Path, name: Path, value: Uint8Array, flags: number, follow: boolean): number
  /** The names as the kernel gives them, NUL after each. */
  listxattr(path: Path, follow: boolean): Uint8Array | number
  removexattr(path: Path, name: Path, follow: boolean): number
  // tree.cc
  /**
   * Deletes a directory and all below it: never follows a link, never enters or removes another mount
   * (openat2 RESOLVE_NO_XDEV on every directory; fallback statx mount ids). Answers the entries deleted.
   */
  removeTree(dirfd: number, path: Path): number | TreeFailure
  /**
   * Copies the content of directory `from` into the existing empty directory `to`, and the attributes of `from` itself:
   * owners, modes, nanosecond times, xattrs, hard links, devices, fifos, symlinks, holes; reflinks where the
   * filesystem has them (FICLONE, then copy_file_range, then read and write). Sockets are left out, other
   * mounts are not entered. Answers the entries copied.
   */
  copyTree(from: Path, to: Path, flags: number): number | TreeFailure
  // convert.cc, convertsurvey.cc
  /**
   * What of a layer stands in the way of its conversion: three numbers an obstacle, an `obstacles` number and [start, end) of the
   * path in `text`; the first thousand. `overlay`: the `layerForms` number of the form of overlay that is converted to or from.
   */
  findObstacles(path: Path, overlay: number, toAufs: boolean): FlatTable | TreeFailure
  /**
   * Converts a layer, one that was half-way included. Each new whiteout is there before the old one goes, and directories keep their
   * times. Answers whiteouts and opaque markers that were converted, and files of bookkeeping that were dropped.
   */
  convertLayer(path: Path, overlay: number, toAufs: boolean): BigInt64Array | TreeFailure
  // flatten.cc
  /**
   * Makes ready to copy what a union of layers shows (their directories top first, a NUL after each) into an empty directory. Flag 1:
   * lenient, as for copyTree. Nothing is read yet.
   */
  flatten(layers: Uint8Array, to: Path, form: number, flags: number): NativeHandle<'flatten'> | number
  /** Answers the entries copied. A failure's path is whole. Once. */
  flattenRun(job: NativeHandle<'flatten'>): number | TreeFailure
  /** Bytes of files that were copied, entries. */
  flattenProgress(job: NativeHandle<'flatten'>): BigInt64Array | number
  /** Nobody wants it any more: it ends soon, at -ECANCELED. */
  flattenCancel(job: NativeHandle<'flatten'>): number
  // changes.cc
  /**
   * Two views that are to be compared; nothing is read yet. Each is its layers' directories, top first, a NUL after each; `before`
   * may be empty. `form`: a `layerForms` number. `judge`: 0 says that `now` is one layer on top of `before`, so that what it
   * holds was touched; 1 compares every pair of files.
   */
  viewsOf(now: Uint8Array, before: Uint8Array, form: number, judge: number): NativeHandle<'views'> | number
  /**
   * Three numbers a change: 0 modified, 1 added, 2 deleted, and [start, end) of the path in `text`, with a slash before it.
   * A failure's path is whole, not relative.
   */
  viewChanges(views: NativeHandle<'views'>): FlatTable | TreeFailure
  /** Bytes in the files and links that are new in `now` or not as they were. */
  viewChangedSize(views: NativeHandle<'views'>): number | TreeFailure
  /** Bytes in the files and links of the top layer of `now`. */
  viewLayerSize(views: NativeHandle<'views'>): number | TreeFailure
  /** Nobody wants the answer: what is under way answers -ECANCELED soon. */
  viewsCancel(views: NativeHandle<'views'>): number
  /**
   * Makes ready to write as a tar what differs between two views (as for viewsOf), compared exactly; nothing is read yet. Flags as for
   * packTree. A failure's path is whole, but for its first slash.
   */
  packDifference(
    now: Uint8Array,
    before: Uint8Array,
    form: number,
    flags: number,
  ): NativeHandle<'pack'> | number
  // packjob.cc
  /**
   * Makes ready to write the tree of a directory as a tar; nothing is read yet. `parent`: a directory whose attributes the root
   * has unless it gets an entry, or -1. `form`: a `layerForms` number. Flags: 1 cuts times to whole seconds.
   * Both descriptors are duplicated.
   */
  packTree(directory: number, parent: number, form: number, flags: number): NativeHandle<'pack'> | number
  /** The next block; the number of all bytes at the end. The first call starts a thread that works ahead. Not from two places at once. */
  packNext(job: NativeHandle<'pack'>): Uint8Array | number | TreeFailure
  /** Writes the whole tar into a descriptor: answers its bytes. Instead of packNext. */
  packInto(job: NativeHandle<'pack'>, fd: number): number | TreeFailure
  /** Nobody wants the rest: what is under way answers -ECANCELED soon. */
  packCancel(job: NativeHandle<'pack'>): number
  /** Bytes handed on, entries begun. */
  packProgress(job: NativeHandle<'pack'>): BigInt64Array | number
  /** Three numbers a warning: a `packNotices` number, and [start, end) of the path in `text`. */
  packWarnings(job: NativeHandle<'pack'>): FlatTable | number
  // tarlist.cc
  /**
   * Lists a tar that is fed in pieces of the given sizes, again and again; all at once without any. `limits`: nine 64-bit
   * numbers (native/tarpolicy.h). The rows are described in sys/tarreader.ts.
   */
  listTar(archive: Uint8Array, pieces: Int32Array, limits: Uint8Array): WideTable | number
  // unpackjob.cc
  /**
   * Starts a thread that unpacks a tar below a directory. `form`: a number of `layerForms`; `limits` as for `listTar`;
   * `seed`: 64 random bits; `hash`: make the SHA-256 of all that it is given, which takes `sha256` below;
   * `lowers`: directories of the layers below, nearest first, each with a NUL behind it.
   */
  unpackStart(
    directory: number,
    form: number,
    limits: Uint8Array,
    seed: bigint,
    hash: boolean,
    lowers: Uint8Array,
  ): NativeHandle<'unpack'> | number
  /** The rest of the tar is what this file holds from where it stands; nothing more is put. */
  unpackReadFrom(job: NativeHandle<'unpack'>, file: number): number
  /** Answers 0 when few bytes wait, or when it has ended. */
  unpackRoom(job: NativeHandle<'unpack'>): number
  /** Bytes and entries up to now. */
  unpackProgress(job: NativeHandle<'unpack'>): BigInt64Array | number
  /** Nothing follows: waits for the end. The rows are described in sys/unpack.ts. Once. */
  unpackEnd(job: NativeHandle<'unpack'>): WideTable | number
  /** Nobody wants it any more: it ends soon, at -ECANCELED. */
  unpackCancel(job: NativeHandle<'unpack'>): number
}

/** Calls that borrow their arguments, and so have no async form. */
interface BorrowingCalls {
  /** Gives it bytes, which are copied. Answers how many wait to be unpacked; -ECANCELED when it has ended. */
  unpackPutSync(job: NativeHandle<'unpack'>, bytes: Uint8Array): number
}

/** The addon: every call twice. */
export type Native = BorrowingCalls & {
  readonly [Name in keyof Calls as `${Name}Sync`]: Calls[Name]
} & {
  readonly [Name in keyof Calls]: (...args: Parameters<Calls[Name]>) => Promise<ReturnType<Calls[Name]>>
} & {
  /** Every errno of Linux by name: EPERM 1 … (positive numbers). */
  readonly errnos: Readonly<Record<string, number>>
  /** Bytes in a page. */
  readonly pageSize: number
  /** Whether this Node.js has the OpenSSL that `hash` of `unpackStart` takes. */
  readonly sha256: boolean
}
