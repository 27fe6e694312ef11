import { checkWord, invalidValue } from '../sys/arguments.ts'
import { telling } from '../sys/events.ts'
import * as sys from '../sys/index.ts'
import type { FsSetting } from '../sys/index.ts'
import { abortable } from './abort.ts'
import type { SignalOptions } from './abort.ts'
import { splitLowerdirs } from './escape.ts'
import type { LookupOptions } from './lookup.ts'
import { splitOptions } from './options.ts'
import type { ParsedOptions } from './options.ts'
import { performDetachedSteps } from './perform.ts'
import type { MountPlan } from './plan.ts'
import { checkSpec, parseSpec, setCopyAttributes, typeOf } from './spec.ts'
import type { MountSpec, SpecParts } from './spec.ts'
import { settingOf } from './words-of-failure.ts'

/** What {@link DetachedMount.setAttributes} changes: what is left out stays. */
export interface AttributeOptions {
  readOnly?: boolean
  nosuid?: boolean
  nodev?: boolean
  noexec?: boolean
  nosymfollow?: boolean
  nodiratime?: boolean
  atime?: 'relatime' | 'noatime' | 'strictatime'
  propagation?: 'shared' | 'slave' | 'private' | 'unbindable'
  /** The mounts below it too. */
  recursive?: boolean
  /** A user namespace's descriptor: the mount maps owners by it (Linux 5.12; not every filesystem). */
  usernsFd?: number
}

/** What {@link DetachedMount.clone} copies. */
export interface CloneOptions extends LookupOptions, SignalOptions {
  /** With the mounts below it. */
  recursive?: boolean
}

const longestValue = 255

const atimeBits = {
  relatime: BigInt(sys.MOUNT_ATTR_RELATIME),
  noatime: BigInt(sys.MOUNT_ATTR_NOATIME),
  strictatime: BigInt(sys.MOUNT_ATTR_STRICTATIME),
} as const

const propagationBits = {
  shared: BigInt(sys.MS_SHARED),
  slave: BigInt(sys.MS_SLAVE),
  private: BigInt(sys.MS_PRIVATE),
  unbindable: BigInt(sys.MS_UNBINDABLE),
} as const

/**
 * A mount that is attached nowhere: no path leads to it but its descriptor's, and it goes when it is closed. Linux 5.2.
 *
 * ```ts
 * import { writeFile } from 'node:fs/promises'
 * import { DetachedMount } from 'graphdriver/mount'
 *
 * await using scratch = await DetachedMount.create({ type: 'tmpfs' })
 * await writeFile(`${scratch.path}/file`, 'gone with the mount')
 * ```
 */
export class DetachedMount implements AsyncDisposable {
  #fd: number

  /** @internal */
  constructor(fd: number) {
    this.#fd = fd
  }

  /**
   * Makes a mount of a new filesystem, or with `bind` a copy of another; or performs a plan whose steps
   * are all of the newer interface.
   *
   * @throws SyscallError of the call that failed, with the kernel's own words in `detail`; TypeError ERR_INVALID_ARG_VALUE
   * for what cannot be made so: `remount`, `move`, propagation, a plan with a step of mount(2).
   */
  static async create(
    what: Omit<MountSpec, 'target'> | MountPlan,
    options: SignalOptions = {},
  ): Promise<DetachedMount> {
    checkSpec(what, 'what')
    const made = abortable(
      options.signal,
      () => ('steps' in what ? performDetachedSteps(what, options) : makeSpec(what)),
      sys.close,
    )
    return new DetachedMount(await made)
  }

  /**
   * Copies the mount that a path lies on, with the path as the copy's root.
   *
   * @throws SyscallError ENOENT, EACCES, EINVAL (an unbindable mount), EPERM, ENOSYS.
   */
  static async clone(path: string, options: CloneOptions = {}): Promise<DetachedMount> {
    const flags =
      sys.OPEN_TREE_CLONE |
      (options.recursive ? sys.AT_RECURSIVE : 0) |
      (options.nofollow ? sys.AT_SYMLINK_NOFOLLOW : 0)
    const copy = abortable(options.signal, () => sys.openTree(sys.AT_FDCWD, path, flags), sys.close)
    return new DetachedMount(await copy)
  }

  /**
   * The mount's descriptor (close-on-exec). It stays this object's own.
   *
   * @throws SyscallError EBADF after close() and attach().
   */
  get fd(): number {
    if (this.#fd < 0)
      throw new sys.SyscallError('EBADF', 'fstat', { detail: 'the mount is closed or attached' })
    return this.#fd
  }

  /** A path to the mount's root, for this process only: `/proc/self/fd/<fd>`. */
  get path(): string {
    return `/proc/self/fd/${String(this.fd)}`
  }

  /**
   * Changes the mount, wholly or not at all. Linux 5.12.
   *
   * @throws SyscallError EINVAL, EPERM, ENOSYS.
   */
  async setAttributes(options: AttributeOptions): Promise<void> {
    const attributes = attributesOf(options)
    const flags = sys.AT_EMPTY_PATH | (options.recursive ? sys.AT_RECURSIVE : 0)
    await sys.mountSetattr(this.fd, '', flags, attributes)
  }

  /**
   * Attaches the mount, and closes its descriptor, which would keep it busy.
   *
   * @param target an existing directory, or a file where the mount's root is one; a link is not followed.
   * @throws SyscallError ENOENT, ENOTDIR, EPERM; EINVAL when one is a directory and the other is not. The mount is
   * still detached then.
   */
  attach(target: string): Promise<void> {
    return telling('mount', { target, type: '', form: 'attached' }, () => this.#attach(target))
  }

  async #attach(target: string): Promise<void> {
    const { fd } = this
    try {
      await sys.moveMount(fd, '', sys.AT_FDCWD, target, sys.MOVE_MOUNT_F_EMPTY_PATH)
    } catch (error) {
      throw error instanceof sys.SyscallError
        ? new sys.SyscallError(error.errno, error.syscall, { path: target, cause: error })
        : error
    }
    await this.close()
  }

  /** Lets go of the mount; it ends when nothing else uses it. A second call has no effect. */
  async close(): Promise<void> {
    const fd = this.#fd
    this.#fd = -1
    if (fd >= 0) await sys.close(fd)
  }

  /** The same as {@link DetachedMount.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/**
 * Performs a plan whose steps are all of the newer interface, and attaches it nowhere.
 *
 * @throws SyscallError of the step that failed; TypeError ERR_INVALID_ARG_VALUE for a plan with a step of mount(2).
 */
export function performDetached(plan: MountPlan, options: SignalOptions = {}): Promise<DetachedMount> {
  return DetachedMount.create(plan, options)
}

function attributesOf(options: AttributeOptions): sys.MountAttributes {
  checkSpec(options, 'options')
  let set = 0n
  let clear = 0n
  const flag = (wanted: boolean | undefined, bit: number): void => {
    if (wanted === true) set |= BigInt(bit)
    if (wanted === false) clear |= BigInt(bit)
  }
  flag(options.readOnly, sys.MOUNT_ATTR_RDONLY)
  flag(options.nosuid, sys.MOUNT_ATTR_NOSUID)
  flag(options.nodev, sys.MOUNT_ATTR_NODEV)
  flag(options.noexec, sys.MOUNT_ATTR_NOEXEC)
  flag(options.nosymfollow, sys.MOUNT_ATTR_NOSYMFOLLOW)
  flag(options.nodiratime, sys.MOUNT_ATTR_NODIRATIME)
  if (options.atime !== undefined) {
    clear |= BigInt(sys.MOUNT_ATTR__ATIME)
    set |= atimeBits[checkWord(options.atime, 'options.atime', atimeBits)]
  }
  if (options.usernsFd !== undefined) set |= BigInt(sys.MOUNT_ATTR_IDMAP)
  const propagation =
    options.propagation === undefined
      ? 0n
      : propagationBits[checkWord(options.propagation, 'options.propagation', propagationBits)]
  return { set, clear, propagation, ...(options.usernsFd !== undefined && { usernsFd: options.usernsFd }) }
}

async function makeSpec(spec: SpecParts): Promise<number> {
  const parsed = parseSpec(spec)
  if (parsed.flags & (sys.MS_REMOUNT | sys.MS_MOVE) || parsed.propagation.length > 0) {
    throw invalidValue(
      'spec.options',
      'must not hold remount, move or propagation: nothing is attached',
      spec.options,
    )
  }
  if (parsed.flags & sys.MS_BIND) return cloneSpec(spec.source ?? '', parsed)
  const fd = await sys.newMount({
    type: typeOf(spec) ?? '',
    settings: settingsOf(spec, parsed),
    attributes: Number(parsed.attributes.set),
  })
  return withAttributes(fd, { ...parsed, attributes: { set: 0n, clear: 0n } })
}

async function cloneSpec(source: string, parsed: ParsedOptions): Promise<number> {
  const below = parsed.flags & sys.MS_REC ? sys.AT_RECURSIVE : 0
  const fd = await sys.openTree(sys.AT_FDCWD, source, sys.OPEN_TREE_CLONE | below)
  return withAttributes(fd, parsed)
}

async function withAttributes(fd: number, parsed: ParsedOptions): Promise<number> {
  try {
    await setCopyAttributes(fd, parsed)
    return fd
  } catch (error) {
    sys.closeSync(fd)
    throw error
  }
}

/** Words that are settings of every filesystem in the newer interface (fs/fs_context.c). */
const commonSettings = [
  ['ro', sys.MS_RDONLY],
  ['sync', sys.MS_SYNCHRONOUS],
  ['dirsync', sys.MS_DIRSYNC],
  ['mand', sys.MS_MANDLOCK],
  ['lazytime', sys.MS_LAZYTIME],
] as const

function settingsOf(spec: SpecParts, parsed: ParsedOptions): FsSetting[] {
  const settings: FsSetting[] = spec.source === undefined ? [] : [{ key: 'source', value: spec.source }]
  for (const [key, flag] of commonSettings) if (parsed.flags & flag) settings.push({ key })
  for (const word of parsed.data.flatMap(splitOptions))
    settings.push(...layersApart(spec.type, settingOf(word)))
  return settings
}

/** A setting has 255 bytes at most, so a longer list of layers is given one by one (overlay, Linux 6.7). */
function layersApart(type: string | undefined, setting: ReturnType<typeof settingOf>): FsSetting[] {
  if (type !== 'overlay' || setting.key !== 'lowerdir' || !('value' in setting)) return [setting]
  if (Buffer.byteLength(setting.value) <= longestValue) return [setting]
  return splitLowerdirs(setting.value).map((value) => ({ key: 'lowerdir+', value }))
}
