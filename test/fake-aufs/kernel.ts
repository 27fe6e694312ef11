import { readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { binding } from '#lib/sys/binding.js'
import { StatfsField, StatxField } from '#lib/sys/stat-fields.js'
import type { Calls, Failure, Native, Path } from '#lib/sys/native.js'
import {
  AT_FDCWD,
  AUFS_SUPER_MAGIC,
  errnoOf,
  MNT_DETACH,
  MOUNT_ATTR_RDONLY,
  MS_RDONLY,
  MS_REMOUNT,
  STATX_ATTR_MOUNT_ROOT,
} from 'graphdriver/sys'
import { Refusal } from './branches.ts'
import { bothForms, flatBranches, spell, superOptions, nameOf, textOf, withLines, wordsOf } from './flat.ts'
import type { Option, Word } from './grammar.ts'
import { Rules, type Union } from './rules.ts'

export interface FakeOptions {
  /** The newer mount interface can be had. */
  readonly contexts?: boolean
  /** aufs is in this kernel. */
  readonly present?: boolean
  /** Files that are answered in place of the real ones; undefined: there is no such file. */
  readonly files?: Readonly<Record<string, string | undefined>>
  /** sysfs cannot be seen here. */
  readonly withoutSysfs?: boolean
}

/** Where a flush may be made to fail: at a name, or in maintenance. */
const FLUSHING: readonly [call: string, syscall: string][] = [
  ['aufsFlush', 'utimensat'],
  ['plink_maint', 'open'],
]

/** What a link of /proc/self/fd leads to. */
function opened(path: string): string {
  try {
    return path.startsWith('/proc/self/fd/') ? readlinkSync(path) : path
  } catch {
    return path
  }
}

/** Descriptors of mounts that are attached nowhere: beyond any that the real kernel gives. */
const FIRST_FD = 0x4000_0000

/**
 * A kernel with aufs behind the addon's functions; all that is not aufs goes to the real one. Its unions are known to it
 * alone, so nothing can be seen through them: what a test reads at a mount point is the directory below.
 */
export class FakeKernel {
  readonly rules: Rules
  readonly native: Native
  /** Unions by mount point, the topmost last. */
  readonly mounts = new Map<string, Union[]>()
  /** Unions that live on without a mount point. */
  readonly detached = new Set<Union>()
  /** Mount points that answer EBUSY. */
  readonly busy = new Set<string>()
  /** Every call for aufs of mount(2), newMount and reconfigure, and what it was given. */
  readonly calls: { readonly call: string; readonly data: string }[] = []
  /** Errnos that the next calls of a name answer, before anything else is looked at. */
  readonly failures: { readonly call: string; readonly code: string }[] = []
  protected readonly real: Native = binding()
  protected readonly open = new Map<number, Union>()
  protected readonly options: FakeOptions
  #nextFd = FIRST_FD

  constructor(rules: Rules = new Rules(), options: FakeOptions = {}) {
    this.rules = rules
    this.options = options
    const own = [
      ...(['mount', 'newMount', 'reconfigure', 'moveMount', 'close', 'umount2', 'mountinfo'] as const),
      ...(['aufsBranches', 'aufsFlush', 'aufsUnions', 'statx', 'isMountRoot', 'statfs', 'readFile'] as const),
    ]
    this.native = bothForms(this.real, Object.fromEntries(own.map((name) => [name, this[name].bind(this)])))
  }

  protected get present(): boolean {
    return this.options.present !== false
  }

  protected top(path: string): Union | undefined {
    return this.mounts.get(path)?.at(-1)
  }

  /** The union that a path lies in: the one with the deepest mount point. */
  #around(path: string): Union | undefined {
    const above = [...this.mounts.keys()].filter((point) => `${path}/`.startsWith(`${point}/`))
    const [deepest] = above.sort((one, other) => other.length - one.length)
    return deepest === undefined ? undefined : this.top(deepest)
  }

  protected attach(path: string, union: Union): number {
    this.mounts.set(path, [...(this.mounts.get(path) ?? []), union])
    return 0
  }

  /** A union was changed where it is mounted: here it is the same object. */
  protected changed(path: string, union: Union): void {
    if (this.top(path) !== union) throw new Error('a union that is not mounted was changed')
  }

  mount(...args: Parameters<Calls['mount']>): number {
    const [, target, type, flags, data] = args
    if (type !== 'aufs') return this.real.mountSync(...args)
    const remount = (flags & MS_REMOUNT) !== 0
    const given = data === null ? '' : textOf(data)
    this.calls.push({ call: remount ? 'remount' : 'mount', data: given })
    // The addon's own refusal.
    if (Buffer.byteLength(given) >= this.rules.build.pageSize) return errnoOf('E2BIG')
    if (!this.present) return errnoOf('ENODEV')
    const failure = this.#injected(remount ? 'remount' : 'mount')
    if (failure !== undefined) return failure
    return this.attempt(() => {
      const path = textOf(target)
      const union = remount ? this.top(path) : undefined
      if (remount && union === undefined) throw new Refusal('EINVAL')
      const { options, label } = this.rules.parse(this.rules.cut(given))
      const readOnly = (flags & MS_RDONLY) !== 0
      if (union === undefined) return this.attach(path, this.rules.create(options, readOnly, label))
      try {
        this.rules.remount(union, options, readOnly, path)
      } finally {
        this.changed(path, union)
      }
      return 0
    })
  }

  /** Runs a rule, and answers its errno. */
  protected attempt(work: () => number): number {
    try {
      return work()
    } catch (error) {
      if (error instanceof Refusal) return errnoOf(error.code)
      throw error
    }
  }

  #injected(call: string): number | undefined {
    const at = this.failures.findIndex((failure) => failure.call === call)
    return at < 0 ? undefined : errnoOf(this.failures.splice(at, 1)[0]!.code)
  }

  newMount(...args: Parameters<Calls['newMount']>): number | Failure {
    const [type, commands, packed, , attributes] = args
    if (type !== 'aufs') return this.real.newMountSync(...args)
    const refused =
      this.options.contexts === false ? errnoOf('ENOSYS') : this.present ? undefined : errnoOf('ENODEV')
    const failure = refused ?? this.#injected('newMount')
    if (failure !== undefined) return { errno: failure, step: 0, log: '' }
    const all = wordsOf(packed, commands)
    this.calls.push({ call: 'newMount', data: all.map(spell).join(',') })
    const answer = this.#read(all)
    if ('errno' in answer) return answer
    const readOnly =
      all.some(({ key }) => key === 'ro') || (attributes > 0 && (attributes & MOUNT_ATTR_RDONLY) !== 0)
    const label = all.find(({ key }) => key === 'context')?.value
    try {
      const union = this.rules.create(answer.options, readOnly, label)
      if (attributes < 0) return 0
      this.open.set(this.#nextFd, union)
      return this.#nextFd++
    } catch (error) {
      return failed(error, all.length + 1)
    }
  }

  reconfigure(...args: Parameters<Calls['reconfigure']>): number | Failure {
    const [dirfd, path, , commands, packed] = args
    const union = textOf(path) === '' ? this.open.get(dirfd) : this.top(textOf(path))
    if (union === undefined) return this.real.reconfigureSync(...args)
    const failure = this.#injected('reconfigure')
    if (failure !== undefined) return { errno: failure, step: 0, log: '' }
    const all = wordsOf(packed, commands)
    this.calls.push({ call: 'reconfigure', data: all.map(spell).join(',') })
    const answer = this.#read(all)
    if ('errno' in answer) return answer
    try {
      this.rules.remount(union, answer.options, union.readOnly)
      return 0
    } catch (error) {
      return failed(error, all.length + 1)
    }
  }

  /** Each setting is looked at when it is set; the label is SELinux's. */
  #read(all: readonly Word[]): { options: Option[] } | Failure {
    const options: Option[] = []
    for (const [at, word] of all.entries()) {
      if (Buffer.byteLength(word.value ?? '') > 255) return failed(new Refusal('EINVAL'), at + 1)
      if (word.key === 'context' && this.rules.build.selinux) continue
      try {
        options.push(...this.rules.parseWords([word], options.length))
      } catch (error) {
        return failed(error, at + 1)
      }
    }
    return { options }
  }

  moveMount(...args: Parameters<Calls['moveMount']>): number {
    const union = this.open.get(args[0])
    if (union === undefined) return this.real.moveMountSync(...args)
    return this.#injected('moveMount') ?? this.attach(textOf(args[3]), union)
  }

  close(fd: number): number {
    if (fd < FIRST_FD) return this.real.closeSync(fd)
    return this.open.delete(fd) ? 0 : errnoOf('EBADF')
  }

  umount2(target: Path, flags: number): number {
    const path = textOf(target)
    const unions = this.mounts.get(path)
    if (unions === undefined) return this.real.umount2Sync(target, flags)
    if (this.busy.has(path) && !(flags & MNT_DETACH)) return errnoOf('EBUSY')
    const union = unions.pop()!
    if (this.busy.has(path)) this.detached.add(union)
    if (unions.length === 0) this.mounts.delete(path)
    return 0
  }

  aufsBranches(...args: Parameters<Calls['aufsBranches']>): ReturnType<Calls['aufsBranches']> {
    const [dirfd, path] = args
    const union = this.#at(dirfd, path)
    return union === undefined ? this.real.aufsBranchesSync(...args) : flatBranches(union)
  }

  /** The union at a path, or the one that a descriptor keeps. */
  #at(dirfd: number, path: Path): Union | undefined {
    if (dirfd === AT_FDCWD) return this.top(opened(textOf(path)))
    return this.open.get(dirfd) ?? this.top(opened(`/proc/self/fd/${String(dirfd)}`))
  }

  /** Nothing can be seen through a union, so no name is touched; what is kept in the branches goes. */
  aufsFlush(...args: Parameters<Calls['aufsFlush']>): ReturnType<Calls['aufsFlush']> {
    const [dirfd, path, packed, si] = args
    if (this.#at(dirfd, path) === undefined) return this.real.aufsFlushSync(...args)
    const branches = textOf(packed).split('\0').slice(0, -1)
    this.calls.push({ call: 'aufsFlush', data: [si ?? 'names', ...branches].join(' ') })
    for (const [call, syscall] of FLUSHING) {
      const errno = this.#injected(call)
      if (errno !== undefined) return { errno, syscall, path: Buffer.from('far/two') }
    }
    if (si !== null) for (const branch of branches) rmSync(join(branch, '.wh..wh.plnk'), { recursive: true })
    return 0
  }

  protected live(): Union[] {
    return [...new Set([...[...this.mounts.values()].flat(), ...this.open.values(), ...this.detached])]
  }

  aufsUnions(path: Path): Uint8Array | number {
    if (textOf(path) !== '/sys/fs/aufs') return this.real.aufsUnionsSync(path)
    if (this.options.withoutSysfs === true || !this.present) return errnoOf('ENOENT')
    return Buffer.from(
      this.live()
        .map((union) => `${nameOf(union)}\0`)
        .join(''),
    )
  }

  statx(...args: Parameters<Calls['statx']>): BigInt64Array | number {
    const answer = this.real.statxSync(...args)
    const union = args[0] === AT_FDCWD ? this.top(opened(textOf(args[1]))) : undefined
    if (typeof answer === 'number' || union === undefined) return answer
    answer[StatxField.attributesMask]! |= STATX_ATTR_MOUNT_ROOT
    answer[StatxField.attributes]! |= STATX_ATTR_MOUNT_ROOT
    answer[StatxField.mountId] = BigInt(mountId(union))
    return answer
  }

  isMountRoot(path: Path, flags: number): number {
    const answer = this.real.isMountRootSync(path, flags)
    return answer >= 0 && this.top(opened(textOf(path))) !== undefined ? 1 : answer
  }

  statfs(path: Path): BigInt64Array | number {
    const answer = this.real.statfsSync(path)
    if (typeof answer === 'number') return answer
    const { filesystemOf, isFull, isReadOnly } = this.rules.build
    const union = this.#around(textOf(path))
    const type = union === undefined ? filesystemOf(textOf(path)) : AUFS_SUPER_MAGIC
    if (type !== undefined) answer[StatfsField.type] = BigInt(type)
    if (union !== undefined) answer[StatfsField.namelen] = 242n
    if (isFull(textOf(path))) answer[StatfsField.bavail] = 0n
    if (isReadOnly(textOf(path)) !== false) answer[StatfsField.flags]! |= 1n
    return answer
  }

  mountinfo(path: Path | null): ReturnType<Calls['mountinfo']> {
    const table = this.real.mountinfoSync(path)
    if (typeof table === 'number' || path !== null) return table
    const lines = [...this.mounts].flatMap(([mountPoint, unions]) =>
      unions.map((union) => ({
        id: mountId(union),
        parent: 1,
        minor: union.id,
        mountPoint,
        superOptions: superOptions(union),
      })),
    )
    return withLines(table, lines)
  }

  readFile(...args: Parameters<Calls['readFile']>): Uint8Array | number {
    const { mostBranches } = this.rules.build
    const files: Readonly<Record<string, string | undefined>> = {
      '/proc/filesystems': `nodev\tsysfs\n\text4\n${this.present ? 'nodev\taufs\n' : ''}`,
      '/sys/module/aufs/version': this.present ? '6.1-fake\n' : undefined,
      '/sys/fs/aufs/config': `CONFIG_AUFS_FS=m\nCONFIG_AUFS_BRANCH_MAX_${String(mostBranches)}=y\n`,
      ...this.options.files,
    }
    const path = textOf(args[1])
    if (!(path in files)) return this.real.readFileSync(...args)
    const text = files[path]
    return text === undefined ? errnoOf('ENOENT') : Buffer.from(text)
  }
}

function failed(error: unknown, step: number): Failure {
  if (!(error instanceof Refusal)) throw error
  return { errno: errnoOf(error.code), step, log: error.message }
}

function mountId(union: Union): number {
  return 1_000_000 + union.id
}
