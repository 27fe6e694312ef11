import { rename } from 'node:fs/promises'
import { invalidType, invalidValue } from '../../sys/arguments.ts'
import { AT_FDCWD, copyTree, RENAME_EXCHANGE, renameat2, statfs } from '../../sys/index.ts'
import { codeOf, present, removeFile, step, writeNewFile } from '../../store/index.ts'
import type { Driver, LayerPaths, ProbeReport, Stack, Staging } from '../driver.ts'
import { filesystemName } from '../filesystems.ts'

/** Options of the vfs driver. There are none yet. */
export type VfsOptions = Record<string, never>

/** A directory with one empty file for each layer whose parent is not copied yet. */
const PENDING = 'pending'

/**
 * No union at all: a layer is a full copy of its parent, with what was changed in it. It works on every filesystem, for
 * every user, at the price of a copy, which shares its blocks where the filesystem can (reflink).
 *
 * The copy is made when the layer is first used: until then it is the same as its nearest copied ancestor.
 */
export class VfsDriver implements Driver {
  readonly name = 'vfs'
  readonly whiteouts = 'none'
  readonly directories: readonly string[] = [PENDING]
  readonly xattrs = null
  readonly maxLowers: number = Infinity

  constructor(options: unknown) {
    if (options === undefined) return
    if (typeof options !== 'object' || options === null) throw invalidType('vfs', 'of type object', options)
    for (const [name, value] of Object.entries(options)) {
      throw invalidValue(`vfs.${name}`, 'is unknown; there are no options', value)
    }
  }

  async probe(directory: string): Promise<ProbeReport> {
    const filesystem = filesystemName((await statfs(directory)).type)
    return { driver: 'vfs', supported: true, features: { 'Copies On': filesystem } }
  }

  plan(): undefined {
    return undefined
  }

  async prepare(layer: LayerPaths, parent: LayerPaths | undefined): Promise<void> {
    if (parent !== undefined) await writeNewFile(layer.own(PENDING), '', false)
  }

  /** Copies aside, then puts the copy in place at one instant. Doing it twice does no harm: nobody has the layer yet. */
  async populate(stack: Stack, staging: Staging): Promise<void> {
    const { layer, lowers, ancestors } = stack
    if (!(await present(layer.own(PENDING)))) return
    const source = await this.#source(lowers, ancestors)
    const copy = await staging.make(layer.id)
    try {
      if (source !== undefined) await copyTree(source, copy, { lenient: process.geteuid?.() !== 0 })
      await staging.persist(copy)
      await step('copied')
      await exchange(copy, layer.diff)
      await step('exchanged')
    } finally {
      await staging.discard(copy)
    }
    await removeFile(layer.own(PENDING))
    await step('populated')
  }

  async standIn({ layer, lowers, ancestors }: Stack): Promise<string | undefined> {
    return (await present(layer.own(PENDING))) ? this.#source(lowers, ancestors) : undefined
  }

  /** The nearest ancestor that holds its whole view: one that was never used is the same as its parent. */
  async #source(lowers: readonly string[], ancestors: readonly LayerPaths[]): Promise<string | undefined> {
    for (const [at, ancestor] of ancestors.entries()) {
      if (!(await present(ancestor.own(PENDING)))) return lowers[at]
    }
    return undefined
  }
}

/** Puts `fresh` in the place of `old` at one instant; `fresh` is the old one afterwards. */
async function exchange(fresh: string, old: string): Promise<void> {
  try {
    await renameat2(AT_FDCWD, fresh, AT_FDCWD, old, RENAME_EXCHANGE)
  } catch (error) {
    // A filesystem without RENAME_EXCHANGE: what is replaced is empty still, and rename(2) replaces empty directories.
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOSYS') throw error
    await rename(fresh, old)
  }
}
