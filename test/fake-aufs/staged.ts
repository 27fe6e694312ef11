import { randomInt } from 'node:crypto'
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { MountinfoField as Field } from '#lib/sys/native.js'
import { StatfsField, StatxField } from '#lib/sys/stat-fields.js'
import type { Calls, FlatMountinfo, Path } from '#lib/sys/native.js'
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  AUFS_SUPER_MAGIC,
  errnoOf,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_STRING,
  MNT_DETACH,
  MOUNT_ATTR_RDONLY,
  MOVE_MOUNT_F_EMPTY_PATH,
  STATX_MNT_ID,
} from 'graphdriver/sys'
import { superOptions, textOf } from './flat.ts'
import { FakeKernel } from './kernel.ts'
import { Rules, type Union } from './rules.ts'

const SOURCE = 'fake-aufs-'

/**
 * A fake kernel whose unions can be looked through: each is an overlay of the same branches, made as root in a private mount
 * namespace. So mount tables, busy mounts, copies and other processes are real; what aufs itself would do is not: a
 * deletion is a device as overlay makes it, and aufs's own files are missing.
 *
 * What is known of the unions lies in a directory, for all processes that share it.
 */
export class StagedKernel extends FakeKernel {
  readonly #directory: string

  constructor(directory: string) {
    super(new Rules({ keepsHouse: false, newId: () => randomInt(1, 2 ** 47) }))
    this.#directory = directory
    for (const name of ['unions', 'work']) mkdirSync(join(directory, name), { recursive: true })
  }

  #file(id: number): string {
    return join(this.#directory, 'unions', String(id))
  }

  /** Undefined: another process has just seen the union end. */
  #load(id: number): Union | undefined {
    try {
      return JSON.parse(readFileSync(this.#file(id), 'utf8')) as Union
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  /** At one instant, for who reads it meanwhile. */
  #save(union: Union): void {
    const fresh = join(this.#directory, `new-${String(union.id)}`)
    writeFileSync(fresh, JSON.stringify(union))
    renameSync(fresh, this.#file(union.id))
  }

  /** The union that a path lies in. */
  protected override top(path: string): Union | undefined {
    const seen = this.real.statxSync(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_MNT_ID)
    const table = this.real.mountinfoSync(null)
    if (typeof seen === 'number' || typeof table === 'number') return undefined
    const id = Number(seen[StatxField.mountId])
    for (let row = 0; row < table.rows.length; row += Field.row) {
      if (table.rows[row + Field.id] !== id) continue
      const union = unionOf(table, row)
      return union === undefined ? undefined : this.#load(union)
    }
    return undefined
  }

  protected override attach(path: string, union: Union): number {
    // The overlay first: what is known of a union that is not alive is swept by whoever asks.
    const fd = this.#stage(union)
    this.#save(union)
    const answer = this.real.moveMountSync(fd, '', AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH)
    this.real.closeSync(fd)
    return answer
  }

  /** An overlay cannot take more branches: another takes its place. */
  protected override changed(path: string, union: Union): void {
    this.real.umount2Sync(path, MNT_DETACH)
    this.attach(path, union)
  }

  #stage({ id, branches, readOnly }: Union): number {
    const [first] = branches
    const upper = first?.permission === 'rw' && !readOnly ? first.path : undefined
    const work = join(this.#directory, 'work', String(id))
    mkdirSync(work, { recursive: true })
    const settings: [key: string, value?: string][] = [
      ['source', `${SOURCE}${String(id)}`],
      ['index', 'off'],
      ['metacopy', 'off'],
      ['redirect_dir', 'off'],
      ...branches.slice(upper === undefined ? 0 : 1).map(({ path }): [string, string] => ['lowerdir+', path]),
    ]
    if (readOnly) settings.push(['ro'])
    if (upper !== undefined) settings.push(['upperdir', upper], ['workdir', work])
    const fd = this.#overlay(settings, readOnly ? MOUNT_ATTR_RDONLY : 0)
    if (fd < 0) throw new Error(`the stage for a union cannot be made: errno ${String(fd)}`)
    return fd
  }

  #overlay(settings: readonly [key: string, value?: string][], attributes: number): number {
    const commands = settings.flatMap(([, value]) => [
      value === undefined ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING,
      0,
    ])
    const words = settings.map(([key, value]) => `${key}\0${value ?? ''}\0`).join('')
    const made = this.real.newMountSync(
      'overlay',
      Int32Array.from(commands),
      Buffer.from(words),
      0,
      attributes,
    )
    return typeof made === 'number' ? made : made.errno
  }

  override umount2(target: Path, flags: number): number {
    return this.real.umount2Sync(target, flags)
  }

  override statx(...args: Parameters<Calls['statx']>): BigInt64Array | number {
    return this.real.statxSync(...args)
  }

  override isMountRoot(path: Path, flags: number): number {
    return this.real.isMountRootSync(path, flags)
  }

  override statfs(path: Path): BigInt64Array | number {
    const answer = this.real.statfsSync(path)
    if (typeof answer !== 'number' && this.top(textOf(path)) !== undefined) {
      answer[StatfsField.type] = BigInt(AUFS_SUPER_MAGIC)
    }
    return answer
  }

  /** Those whose writable branch overlay has in use, wherever; of the others, those of this process alone. */
  protected override live(): Union[] {
    const unions: Union[] = []
    for (const name of readdirSync(join(this.#directory, 'unions'))) {
      const union = this.#load(Number(name))
      if (union === undefined) continue
      const [first] = union.branches
      if (first?.permission === 'rw' && this.#isInUse(first.path)) unions.push(union)
      else if (first?.permission === 'rw') rmSync(this.#file(union.id), { force: true })
    }
    return [...unions, ...this.open.values()]
  }

  /** The question that the overlay driver asks, of a union of aufs. */
  #isInUse(path: string): boolean {
    let asked: number
    try {
      asked = openSync(path, 'r')
    } catch {
      return false
    }
    const scratch = this.real.newMountSync('tmpfs', new Int32Array(), new Uint8Array(), 0, 0)
    if (typeof scratch !== 'number') throw new Error('no tmpfs can be had')
    for (const name of ['upper', 'work']) this.real.mkdiratSync(scratch, name, 0o700)
    const below = `/proc/self/fd/${String(scratch)}`
    const question: [string, string][] = [
      ['lowerdir', `/proc/self/fd/${String(asked)}`],
      ['upperdir', `${below}/upper`],
      ['workdir', `${below}/work`],
      ['index', 'on'],
    ]
    const answer = this.#overlay(question, -1)
    this.real.closeSync(scratch)
    closeSync(asked)
    return answer === errnoOf('EBUSY')
  }

  /** The real table, in which the overlays are what they stand for. */
  override mountinfo(path: Path | null): FlatMountinfo | number {
    const table = this.real.mountinfoSync(path)
    if (typeof table === 'number') return table
    let { text } = table
    for (let row = 0; row < table.rows.length; row += Field.row) {
      const id = unionOf(table, row)
      const union = id === undefined ? undefined : this.#load(id)
      if (union === undefined) continue
      const words: [number, string][] = [
        [Field.type, 'aufs'],
        [Field.source, 'none'],
        [Field.superOptions, superOptions(union)],
      ]
      for (const [field, word] of words) {
        table.rows[row + field] = text.length
        text += word
        table.rows[row + field + 1] = text.length
      }
    }
    return { rows: table.rows, text }
  }
}

/** The number of the union that a row of the mount table stands for. */
function unionOf({ rows, text }: FlatMountinfo, row: number): number | undefined {
  const source = text.slice(rows[row + Field.source], rows[row + Field.source + 1])
  return source.startsWith(SOURCE) ? Number(source.slice(SOURCE.length)) : undefined
}
