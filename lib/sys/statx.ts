import { checkBytes, checkDirfd, checkFlags, checkOptions } from './arguments.ts'
import { binding } from './binding.ts'
import { AT_FDCWD, STATX_BASIC_STATS, STATX_BTIME, STATX_MNT_ID, STATX_MNT_ID_UNIQUE } from './constants.ts'
import { check, SyscallError } from './error.ts'
import { StatxField as Field } from './stat-fields.ts'
import type { Path } from './native.ts'

/** How {@link statx} looks. */
export interface StatxOptions {
  /** AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT, AT_EMPTY_PATH, AT_STATX_*; the default is 0. */
  flags?: number
  /** STATX_*: what is wanted; the default is STATX_BASIC_STATS, STATX_BTIME and STATX_MNT_ID. */
  mask?: number
  /** Where a relative path begins; the default is the working directory (AT_FDCWD). */
  dirfd?: number
}

const defaultMask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID

/** What statx(2) answered. Numbers that may need 64 bits are bigints. */
export class Statx {
  readonly #fields: BigInt64Array

  /** @internal */
  constructor(fields: BigInt64Array) {
    this.#fields = fields
  }

  #number(field: number): number {
    return Number(this.#fields[field] ?? 0n)
  }

  #bigint(field: number): bigint {
    return this.#fields[field] ?? 0n
  }

  /** STATX_*: which fields the kernel filled in. */
  get mask(): number {
    return this.#number(Field.mask) >>> 0
  }

  /** STATX_ATTR_*; a bit counts only where `attributesMask` has it too. */
  get attributes(): bigint {
    return BigInt.asUintN(64, this.#bigint(Field.attributes))
  }

  /** STATX_ATTR_* that this filesystem and kernel know. */
  get attributesMask(): bigint {
    return BigInt.asUintN(64, this.#bigint(Field.attributesMask))
  }

  /** Type and permissions, as st_mode. */
  get mode(): number {
    return this.#number(Field.mode)
  }

  /** Number of hard links. */
  get nlink(): number {
    return this.#number(Field.nlink)
  }

  /** Number of the owner. */
  get uid(): number {
    return this.#number(Field.uid)
  }

  /** Number of the group. */
  get gid(): number {
    return this.#number(Field.gid)
  }

  /** Inode number: unions use all its 64 bits. */
  get ino(): bigint {
    return BigInt.asUintN(64, this.#bigint(Field.ino))
  }

  /** Bytes. */
  get size(): number {
    return this.#number(Field.size)
  }

  /** Units of 512 bytes. */
  get blocks(): number {
    return this.#number(Field.blocks)
  }

  /** Bytes that are best read or written at once. */
  get blksize(): number {
    return this.#number(Field.blksize)
  }

  /** Last access, nanoseconds since 1970. */
  get atimeNs(): bigint {
    return this.#bigint(Field.atime)
  }

  /** Creation, nanoseconds since 1970; undefined where the filesystem keeps none. */
  get btimeNs(): bigint | undefined {
    return this.mask & STATX_BTIME ? this.#bigint(Field.btime) : undefined
  }

  /** Last change of the inode, nanoseconds since 1970. */
  get ctimeNs(): bigint {
    return this.#bigint(Field.ctime)
  }

  /** Last change of the content, nanoseconds since 1970. */
  get mtimeNs(): bigint {
    return this.#bigint(Field.mtime)
  }

  /** The device that a device file stands for. */
  get rdev(): { major: number; minor: number } {
    return { major: this.#number(Field.rdevMajor), minor: this.#number(Field.rdevMinor) }
  }

  /** The filesystem's device. */
  get dev(): { major: number; minor: number } {
    return { major: this.#number(Field.devMajor), minor: this.#number(Field.devMinor) }
  }

  /**
   * Id of the mount: that of mountinfo (Linux 5.8), or with STATX_MNT_ID_UNIQUE one that is never used again (Linux 6.8).
   * Undefined where the kernel gave none.
   */
  get mountId(): bigint | undefined {
    const given = this.mask & (STATX_MNT_ID | STATX_MNT_ID_UNIQUE)
    return given ? BigInt.asUintN(64, this.#bigint(Field.mountId)) : undefined
  }
}

function statxArguments(path: Path, options: StatxOptions | undefined): [number, Path, number, number] {
  const { flags = 0, mask = defaultMask, dirfd = AT_FDCWD } = checkOptions(options)
  return [
    checkDirfd(dirfd, 'options.dirfd'),
    checkBytes(path, 'path'),
    checkFlags(flags, 'options.flags'),
    checkFlags(mask, 'options.mask'),
  ]
}

/**
 * statx(2): what the kernel knows of a file, its mount id and whether it is a mount's root included.
 *
 * @param path may be empty with AT_EMPTY_PATH: then it is `dirfd` itself.
 * @throws SyscallError ENOENT, ENOTDIR, EACCES, ELOOP.
 */
export async function statx(path: Path, options?: StatxOptions): Promise<Statx> {
  return new Statx(check(await binding().statx(...statxArguments(path, options)), 'statx', { path }))
}

/** {@link statx} on the calling thread. */
export function statxSync(path: Path, options?: StatxOptions): Statx {
  return new Statx(check(binding().statxSync(...statxArguments(path, options)), 'statx', { path }))
}

/**
 * Whether something is mounted exactly here: statx(2), and of its answer STATX_ATTR_MOUNT_ROOT only, so that it costs little more than
 * the system call. Linux 5.8.
 *
 * @param flags AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT; the default is 0.
 * @returns undefined where the kernel does not say. `isMountPoint` of graphdriver/mount finds out then.
 * @throws SyscallError ENOENT, ENOTDIR, EACCES, ELOOP.
 */
export async function isMountRoot(path: Path, flags = 0): Promise<boolean | undefined> {
  return rootOf(await binding().isMountRoot(checkBytes(path, 'path'), checkFlags(flags)), path)
}

/** {@link isMountRoot} on the calling thread. */
export function isMountRootSync(path: Path, flags = 0): boolean | undefined {
  return rootOf(binding().isMountRootSync(checkBytes(path, 'path'), checkFlags(flags)), path)
}

function rootOf(answer: number, path: Path): boolean | undefined {
  if (answer < 0) throw new SyscallError(answer, 'statx', { path })
  return answer === 2 ? undefined : answer === 1
}
