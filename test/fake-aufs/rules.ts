import { closeSync, openSync, statSync, statfsSync, unlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  AUFS_SUPER_MAGIC,
  ECRYPTFS_SUPER_MAGIC,
  EXT4_SUPER_MAGIC,
  F2FS_SUPER_MAGIC,
  OVERLAYFS_SUPER_MAGIC,
  PROC_SUPER_MAGIC,
  RAMFS_MAGIC,
  SYSFS_MAGIC,
  TMPFS_MAGIC,
} from 'graphdriver/sys'
import {
  type Branch,
  isSame,
  isWritable,
  keepHouse,
  lookUpRaw,
  modifyBranch,
  Refusal,
  removeBranch,
  type Where,
} from './branches.ts'
import { type Option, optionsOf, Unknown, type Word, words } from './grammar.ts'

/** What a kernel with aufs was built with, and how its machine is. */
export interface Build {
  /** CONFIG_AUFS_BRANCH_MAX_*. */
  mostBranches: number
  pageSize: number
  /** Options that this version does not know yet. */
  unknown: string[]
  selinux: boolean
  /** Linux 5.10 and later: failures of parsing are told as they are. */
  contexts: boolean
  /** The type of the filesystem that a path is on; undefined asks the real one. */
  filesystemOf: (path: string) => number | undefined
  /** Whether a path is on a filesystem that cannot be written ('superblock'), or on a mount of it. */
  isReadOnly: (path: string) => 'superblock' | 'mount' | false
  /** Whether a path is on a filesystem without room. */
  isFull: (path: string) => boolean
  /** It writes its own files to branches. */
  keepsHouse: boolean
  /** The number of a new superblock. */
  newId: () => number
}

/** A superblock. */
export interface Union {
  readonly id: number
  readonly branches: Branch[]
  readonly flags: string[]
  readonly label: string | undefined
  readOnly: boolean
  xino: string | undefined
  nextId: number
}

/** Options of one call: PAGE_SIZE / sizeof(struct au_opt), the last one marks the end. */
export function mostOptions(pageSize: number): number {
  return Math.floor(pageSize / 48) - 1
}

const UNSUPPORTED = [AUFS_SUPER_MAGIC, ECRYPTFS_SUPER_MAGIC, PROC_SUPER_MAGIC, SYSFS_MAGIC, RAMFS_MAGIC]
const GOOD_XINO = [EXT4_SUPER_MAGIC, TMPFS_MAGIC, F2FS_SUPER_MAGIC]

/** The rules of aufs, in the order in which it applies them. It asks the real filesystem about branches, and writes to it what aufs writes. */
export class Rules {
  readonly build: Build
  /** A call with too many options was made: a real kernel is about to crash. */
  crashed = false
  /** Names that were made for inode tables. */
  readonly xinoNames: string[] = []
  /** Images that are mounted by loop devices, by mount point. */
  readonly images = new Map<string, string>()
  #nextUnion = 1

  constructor(build: Partial<Build> = {}) {
    this.build = {
      mostBranches: 127,
      pageSize: 4096,
      unknown: [],
      selinux: false,
      contexts: true,
      filesystemOf: () => undefined,
      isReadOnly: () => false,
      isFull: () => false,
      keepsHouse: true,
      newId: () => this.#nextUnion++,
      ...build,
    }
  }

  /** mount(2) copies one page and ends it with a NUL. */
  cut(data: string): string {
    return Buffer.from(data)
      .subarray(0, this.build.pageSize - 1)
      .toString()
  }

  /** The words of mount(2) data; SELinux takes its own out first. */
  parse(data: string): { options: Option[]; label: string | undefined } {
    const context = /(^|,)context="([^"]*)"/.exec(data)
    if (context === null || !this.build.selinux)
      return { options: this.parseWords(words(data)), label: undefined }
    return { options: this.parseWords(words(data.replace(context[0], ''))), label: context[2] }
  }

  /**
   * Reads every option before any of them takes effect: branches are looked up, the table is made.
   *
   * @param before options that the same call has already.
   */
  parseWords(all: readonly Word[], before = 0): Option[] {
    if (this.crashed) throw new Error('the kernel has crashed: an earlier call had too many options')
    const options: Option[] = []
    try {
      for (const word of all) {
        for (const option of this.#known(word)) {
          if (option.kind === 'branch') this.#lookUp(option.path)
          if (option.kind === 'del' || option.kind === 'mod') lookUpRaw(option.path)
          if (option.kind === 'xino' && option.path !== undefined) this.#makeXino(option.path)
          options.push(option)
          if (before + options.length > mostOptions(this.build.pageSize)) {
            this.crashed = true
            throw new Refusal('E2BIG')
          }
        }
      }
    } catch (error) {
      throw this.build.contexts ? error : converted(error)
    }
    return options
  }

  #known(word: Word): Option[] {
    try {
      return optionsOf(word, this.build.unknown)
    } catch (error) {
      if (error instanceof Unknown) throw new Refusal('EINVAL', error.message)
      throw error
    }
  }

  #lookUp(path: string): void {
    const stats = statSync(path, { throwIfNoEntry: false })
    // One that was deleted has no link any more, whoever has it open.
    if (stats?.isDirectory() !== true || stats.nlink === 0) throw new Refusal('EINVAL')
  }

  /** Made, opened and unlinked at once; the name is used again for every branch. */
  #makeXino(path: string): void {
    try {
      closeSync(openSync(path, 'wx', 0o666))
    } catch (error) {
      throw new Refusal((error as NodeJS.ErrnoException).code ?? 'EIO')
    }
    unlinkSync(path)
    this.xinoNames.push(path)
    if (!GOOD_XINO.includes(this.#type(dirname(path)))) throw new Refusal('EINVAL')
    if (this.build.isFull(path)) throw new Refusal('ENOSPC')
  }

  #type(path: string): number {
    return this.build.filesystemOf(path) ?? statfsSync(path).type
  }

  /** First mount: flags, then all branches, then the table, whatever their order in the call. */
  create(options: readonly Option[], readOnly: boolean, label?: string): Union {
    const flags = options.filter((option) => option.kind === 'flag').map(({ word }) => word)
    const union: Union = {
      id: this.build.newId(),
      branches: [],
      flags,
      label,
      readOnly,
      xino: undefined,
      nextId: 1,
    }
    const xino = options.findLast((option) => option.kind === 'xino')
    try {
      for (const option of options) this.#change(union, option, { remount: false })
      if (union.branches.length === 0) throw new Refusal('EINVAL')
      union.xino = xino === undefined ? this.#defaultXino(union) : xino.path
      const { xino: table } = union
      if (table !== undefined) {
        union.branches.forEach(() => {
          this.#makeXino(table)
        })
      }
    } catch (error) {
      throw converted(error)
    }
    return union
  }

  #defaultXino(union: Union): string {
    const rw = union.branches.find(({ permission }) => isWritable(permission))
    const path = join(rw?.path ?? '/tmp', '.aufs.xino')
    if (!GOOD_XINO.includes(this.#type(dirname(path)))) throw new Refusal('EINVAL')
    return path
  }

  /** Remount: strictly from left to right, up to the first failure; what was done stays. */
  remount(union: Union, options: readonly Option[], readOnly: boolean, target?: string): void {
    union.readOnly = readOnly
    try {
      for (const option of options) {
        if (option.kind === 'flag') union.flags.push(option.word)
        if (option.kind === 'xino' && isWithin(option.path, target)) throw new Refusal('EINVAL')
        if (option.kind === 'xino') union.xino = option.path
        this.#change(union, option, { remount: true, target })
      }
    } catch (error) {
      throw converted(error)
    }
  }

  /** au_opt_br() in fs/aufs/opts.c. */
  #change(union: Union, option: Option, where: Where): void {
    if (option.kind === 'del') removeBranch(union.branches, option.path, where)
    if (option.kind === 'mod') modifyBranch(union.branches, option.path, option.permission, where)
    if (option.kind !== 'branch') return
    const { at, path, permission } = option
    if (at === 'list' && where.remount) throw new Refusal('EINVAL')
    if (typeof at === 'number' && at > union.branches.length) throw new Refusal('EDOM')
    if (!this.#add(union, path, permission, where)) return
    if (typeof at === 'number') union.branches.splice(at, 0, union.branches.pop()!)
    if (where.remount && union.xino !== undefined) this.#makeXino(union.xino)
  }

  /** test_add() in fs/aufs/branch.c. False: it is there already, which a remount takes for success. */
  #add(union: Union, path: string, wanted: string | undefined, { remount, target }: Where): boolean {
    const permission = wanted ?? (union.branches.length === 0 && !union.readOnly ? 'rw' : 'ro')
    if (union.branches.some((branch) => isSame(branch.path, path))) {
      if (remount) return false
      throw new Refusal('EINVAL')
    }
    if (union.branches.length >= this.build.mostBranches) throw new Refusal('ENOSPC')
    const images = [...this.images].filter(([point]) => isWithin(path, point))
    if ([path, ...images.map(([, image]) => image)].some((inner) => isWithin(inner, target)))
      throw new Refusal('EINVAL')
    const type = this.#type(path)
    if (UNSUPPORTED.includes(type) || type === OVERLAYFS_SUPER_MAGIC) throw new Refusal('EINVAL')
    const writable = isWritable(permission)
    const locked = writable && this.build.isReadOnly(path)
    if (locked) throw new Refusal(locked === 'mount' ? 'EROFS' : 'EINVAL')
    for (const other of union.branches) {
      if (isWithin(other.path, path) || isWithin(path, other.path)) throw new Refusal('EINVAL')
    }
    if (writable && this.build.keepsHouse) keepHouse(path)
    union.branches.push({ id: union.nextId++, path, permission })
    return true
  }
}

/** cvt_err(): what fails after parsing is told as EINVAL for these. */
function converted(error: unknown): unknown {
  if (!(error instanceof Refusal)) return error
  return ['ENOENT', 'ENOTDIR', 'EEXIST', 'EIO'].includes(error.code) ? new Refusal('EINVAL') : error
}

function isWithin(path: string | undefined, directory: string | undefined): boolean {
  return path !== undefined && directory !== undefined && `${path}/`.startsWith(`${directory}/`)
}
