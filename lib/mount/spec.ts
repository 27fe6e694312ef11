import { invalidType, invalidValue, checkPath } from '../sys/arguments.ts'
import { telling } from '../sys/events.ts'
import { bindCopy } from '../sys/bind.ts'
import * as sys from '../sys/index.ts'
import { abortable, gathered } from './abort.ts'
import type { SignalOptions } from './abort.ts'
import { joinData, parseOptions } from './options.ts'
import type { AttributeChange, ParsedOptions } from './options.ts'
import { takeDown } from './perform.ts'
import { wordsOfFailure } from './words-of-failure.ts'

/** A mount by words: what stands in a line of fstab(5), JSON-safe. */
export interface MountSpec {
  /** Name of the filesystem. Left out (or `none`, or `bind`) for bind, move, and a change of propagation. */
  type?: string
  /** What is mounted. */
  source?: string
  /** An existing directory, or a file where the source is one. A link is followed. */
  target: string
  /** Options of mount(8): flags of the mount, of the call, propagation, `rro` and the like, and the filesystem's own. */
  options?: readonly string[]
}

/** A spec without its target: what is mounted, not where. */
export type SpecParts = Omit<MountSpec, 'target'>

const { MS_BIND, MS_MOVE, MS_REC, MS_REMOUNT, MS_SILENT } = sys

/** Flags that belong to one mount, so that each bind can have its own. */
const mountFlags =
  sys.MS_RDONLY |
  sys.MS_NOSUID |
  sys.MS_NODEV |
  sys.MS_NOEXEC |
  sys.MS_NOSYMFOLLOW |
  sys.MS_NOATIME |
  sys.MS_NODIRATIME |
  sys.MS_RELATIME |
  sys.MS_STRICTATIME

/**
 * Mounts by words, all of it or nothing: a bind with `ro` is read-only before anybody sees it (Linux 5.12; before, for
 * a moment it is not), and where a later step fails, what was mounted is taken down again. Only the effect of `remount`
 * and of a change of propagation stays. As with mount(8), `remount` leaves ro, nosuid, nodev, noexec, nosymfollow and the kind
 * of access time as they are where no word is about them.
 *
 * @throws SyscallError of the call that failed, with the kernel's own words in `detail` where it has any; TypeError
 * ERR_INVALID_ARG_TYPE or ERR_INVALID_ARG_VALUE for a spec that cannot be meant.
 */
export async function mount(spec: MountSpec, options: SignalOptions = {}): Promise<void> {
  checkPath(checkSpec(spec).target, 'spec.target')
  const parsed = parseSpec(spec)
  const changesOnly =
    (parsed.flags & MS_REMOUNT) !== 0 || (spec.source === undefined && typeOf(spec) === null)
  const undo = changesOnly ? undefined : (): Promise<void> => undoOf(spec, parsed)
  const event = {
    target: spec.target,
    type: typeOf(spec) ?? (parsed.flags & MS_BIND ? 'bind' : ''),
    form: 'words',
  }
  const work = (): Promise<void> => abortable(options.signal, () => make(spec, parsed, undo), undo)
  await telling('mount', event, work)
}

/** An object, whatever is in it. */
export function checkSpec<T extends object>(spec: T, name = 'spec'): T {
  if (typeof spec !== 'object' || (spec as unknown) === null) throw invalidType(name, 'of type object', spec)
  return spec
}

function undoOf(spec: MountSpec, parsed: ParsedOptions): Promise<void> {
  if (parsed.flags & MS_MOVE) return sys.mount(spec.target, spec.source ?? '', null, MS_MOVE)
  return takeDown(spec.target)
}

/** Options of a spec, sorted, with what cannot be meant refused. */
export function parseSpec(spec: SpecParts): ParsedOptions {
  const parsed = parseOptions(spec.options ?? [])
  const { flags, data, recursive } = parsed
  const operation = flags & (MS_BIND | MS_MOVE)
  if (operation !== 0 && !(flags & MS_REMOUNT)) {
    if (spec.source === undefined) throw invalidType('spec.source', 'of type string', spec.source)
    if (data.length > 0) throw invalidValue('spec.options', 'must not hold data: this mount takes none', data)
    if (flags & ~(mountFlags | MS_BIND | MS_REC | MS_MOVE | MS_SILENT)) {
      throw invalidValue(
        'spec.options',
        'must not hold options of a filesystem: this mount takes none',
        spec.options,
      )
    }
  }
  if (flags & MS_MOVE && (flags & ~MS_MOVE || changes(recursive))) {
    throw invalidValue('spec.options', 'must hold nothing but propagation beside move', spec.options)
  }
  const needsType =
    operation === 0 && !(flags & MS_REMOUNT) && parsed.propagation.length === 0 && !changes(recursive)
  if (needsType && typeOf(spec) === null) throw invalidType('spec.type', 'of type string', spec.type)
  return parsed
}

/** The filesystem's name; null for the words that stand for none. */
export function typeOf(spec: SpecParts): string | null {
  return spec.type === undefined || spec.type === 'none' || spec.type === 'bind' ? null : spec.type
}

/** Does it change anything? */
export function changes(change: AttributeChange): boolean {
  return change.set !== 0n || change.clear !== 0n
}

async function make(spec: MountSpec, parsed: ParsedOptions, undo?: () => Promise<void>): Promise<void> {
  await place(spec, parsed)
  try {
    await settle(spec.target, parsed)
  } catch (error) {
    throw gathered(error, await failuresOf(undo))
  }
}

async function failuresOf(undo: (() => Promise<void>) | undefined): Promise<unknown[]> {
  try {
    await undo?.()
    return []
  } catch (error) {
    return [error]
  }
}

/** The call that makes the mount, or changes it. */
async function place(spec: MountSpec, parsed: ParsedOptions): Promise<void> {
  const { target, source } = spec
  const { flags } = parsed
  const type = typeOf(spec)
  if (flags & MS_REMOUNT) {
    const all = flags | (await keptFlags(target, parsed))
    return sys.mount(source ?? 'none', target, type, all, joinData(parsed.data))
  }
  if (flags & MS_MOVE) return sys.mount(source ?? null, target, null, MS_MOVE)
  if (flags & MS_BIND) return bind(source ?? '', target, parsed)
  if (type !== null) return mountFilesystem(type, source ?? 'none', target, parsed)
}

async function mountFilesystem(
  type: string,
  source: string,
  target: string,
  { flags, data }: ParsedOptions,
): Promise<void> {
  const text = joinData(data)
  try {
    await sys.mount(source, target, type, flags, text)
  } catch (error) {
    if (!(error instanceof sys.SyscallError)) throw error
    const detail = await wordsOfFailure(error, type, source, flags, text)
    throw detail === undefined ? error : error.with({ detail })
  }
}

/** What needs a mount in its place: attributes of the whole tree, and propagation, which attaching would change again. */
async function settle(target: string, { flags, recursive, propagation }: ParsedOptions): Promise<void> {
  if (changes(recursive) && !(flags & MS_BIND && !(flags & MS_REMOUNT))) {
    await sys.mountSetattr(sys.AT_FDCWD, target, sys.AT_RECURSIVE, recursive)
  }
  for (const spread of propagation) await sys.mount(null, target, null, spread)
}

async function bind(source: string, target: string, parsed: ParsedOptions): Promise<void> {
  const flags = parsed.flags & (MS_BIND | MS_REC)
  if (!changes(parsed.attributes) && !changes(parsed.recursive)) return sys.mount(source, target, null, flags)
  if (await bindWhole(source, target, parsed)) return
  await sys.mount(source, target, null, flags)
  try {
    await restrict(target, parsed)
  } catch (error) {
    throw gathered(error, await failuresOf(() => takeDown(target)))
  }
}

/** Binds by a copy that gets its attributes before it is attached. False where the kernel has no such calls. */
async function bindWhole(source: string, target: string, parsed: ParsedOptions): Promise<boolean> {
  const { flags, attributes, recursive } = parsed
  try {
    await bindCopy(source, target, { below: (flags & MS_REC) !== 0, own: attributes, all: recursive })
    return true
  } catch (error) {
    if (isAbsent(error, parsed)) return false
    throw error
  }
}

/** Gives a detached mount, and the mounts below it, the attributes that the words name. */
export async function setCopyAttributes(fd: number, parsed: ParsedOptions): Promise<void> {
  if (changes(parsed.attributes)) await sys.mountSetattr(fd, '', sys.AT_EMPTY_PATH, parsed.attributes)
  if (!changes(parsed.recursive)) return
  await sys.mountSetattr(fd, '', sys.AT_EMPTY_PATH | sys.AT_RECURSIVE, parsed.recursive)
}

/** Kernels without a call answer ENOSYS; seccomp filters that do not know it, EPERM: then mount(2) tells who may. */
function isAbsent(error: unknown, parsed: ParsedOptions): boolean {
  if (!(error instanceof sys.SyscallError)) return false
  return error.code === 'ENOSYS' || (error.code === 'EPERM' && !changes(parsed.recursive))
}

/** Before Linux 5.12: a second call, which must name the flags that shall stay too. */
async function restrict(target: string, parsed: ParsedOptions): Promise<void> {
  if (changes(parsed.recursive)) {
    const detail = 'attributes of a whole tree need mount_setattr(2), Linux 5.12'
    throw new sys.SyscallError('ENOSYS', 'mount_setattr', { path: target, detail })
  }
  const flags = (await keptFlags(target, parsed)) | (parsed.flags & mountFlags)
  await sys.mount(null, target, null, MS_REMOUNT | MS_BIND | flags)
}

/** What a mount has and no word takes from it: a remount that does not name it would take it away (mount(2)). */
async function keptFlags(target: string, parsed: ParsedOptions): Promise<number> {
  let kept: number
  try {
    kept = flagsOfStatfs((await sys.statfs(target)).flags)
  } catch {
    // The mount call that follows says what is wrong.
    return 0
  }
  return kept & ~flagsOfAttributes(parsed.attributes.clear)
}

function flagsOfStatfs(flags: number): number {
  const same =
    sys.ST_RDONLY | sys.ST_NOSUID | sys.ST_NODEV | sys.ST_NOEXEC | sys.ST_NOATIME | sys.ST_NODIRATIME
  return (
    (flags & same) |
    (flags & sys.ST_RELATIME ? sys.MS_RELATIME : 0) |
    (flags & sys.ST_NOSYMFOLLOW ? sys.MS_NOSYMFOLLOW : 0)
  )
}

function flagsOfAttributes(attributes: bigint): number {
  const bits = Number(attributes)
  const same = sys.MOUNT_ATTR_RDONLY | sys.MOUNT_ATTR_NOSUID | sys.MOUNT_ATTR_NODEV | sys.MOUNT_ATTR_NOEXEC
  return (
    (bits & same) |
    (bits & sys.MOUNT_ATTR__ATIME ? sys.MS_NOATIME | sys.MS_RELATIME : 0) |
    (bits & sys.MOUNT_ATTR_NODIRATIME ? sys.MS_NODIRATIME : 0) |
    (bits & sys.MOUNT_ATTR_NOSYMFOLLOW ? sys.MS_NOSYMFOLLOW : 0)
  )
}
