import {
  appendFileSync,
  chmodSync,
  lchownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { AT_FDCWD, mknodatSync, removexattrSync, setxattrSync } from 'graphdriver/sys'
import type { Plant } from './plant.ts'
import { richTree } from './rich-tree.ts'

/** What a layer does in the view of it and all below. */
export type Edit = (at: (path: string) => string) => void

const file = (path: string): Plant => ({ path, kind: 'file', content: Buffer.from(`${path} of the base\n`) })
const directory = (path: string): Plant => ({ path, kind: 'directory' })

/** The longest name that can be deleted in a union of aufs, whose own files are called `.wh.` and more (include/uapi/linux/aufs_type.h). */
const AUFS_MAX_NAMELEN = 242

/**
 * What the layers above work on, beside all that a layer may hold. Without the longest names and paths, since aufs and programs put more before them, and without
 * extended attributes that Go (umoci) reads otherwise: one of no bytes is none to it, and it knows no escaped names.
 */
export function baseLayer(): Plant[] {
  const trees = ['kept', 'emptied', 'removed', 'renewed', 'file-then', 'untouched'].flatMap((top) => [
    directory(top),
    ...['a', 'b', 'c'].map((name) => file(`${top}/${name}`)),
    directory(`${top}/deep`),
    directory(`${top}/deep/deeper`),
    file(`${top}/deep/deeper/file`),
  ])
  const links = ['two', 'three'].map((name): Plant => ({
    path: `set/${name}`,
    kind: 'link',
    target: 'set/one',
  }))
  return [
    ...richTree(3000)
      .filter(({ path }) => !/^xattrs\/(empty|equals-sign)$/.test(path))
      .filter(({ path }) => basename(path).length <= AUFS_MAX_NAMELEN),
    ...trees,
    directory('set'),
    file('set/one'),
    ...links,
    file('top'),
    file('then-directory'),
  ]
}

/** Layers above the base, one after the other: what deletes, what replaces, what hides, what brings back. */
export const edits: readonly [id: string, edit: Edit][] = [
  ['changed', change],
  ['replaced', replace],
  ['undone', undo],
  ['nothing', () => undefined],
]

function change(at: (path: string) => string): void {
  appendFileSync(at('kept/a'), 'and more\n')
  chmodSync(at('kept/b'), 0o4711)
  lchownSync(at('kept/c'), 4294967294, 2097152)
  utimesSync(at('kept/deep/deeper/file'), -5.5, -5.5)
  setxattrSync(at('kept/deep'), 'user.new', Buffer.from([0, 128, 255]))
  removexattrSync(at('xattrs/text'), 'user.text')
  for (const name of ['a', 'b', 'c']) unlinkSync(at(`emptied/${name}`))
  rmSync(at('emptied/deep'), { recursive: true })
  rmSync(at('removed'), { recursive: true })
  // One of three names gets contents of its own; another, a fourth one.
  const contents = readFileSync(at('set/one'))
  unlinkSync(at('set/two'))
  writeFileSync(at('set/two'), contents)
  linkSync(at('set/three'), at('set/four'))
  // Two names of one file, both new.
  writeFileSync(at('added'), 'new\n', { mode: 0o600 })
  linkSync(at('added'), at('kept/deep/added-again'))
  symlinkSync('../top', at('kept/link'))
  mknodatSync(AT_FDCWD, at('kept/zero'), 0o020666, 1, 5)
}

function replace(at: (path: string) => string): void {
  // Directories that hide what was in them below, one with the same names again.
  rmSync(at('renewed'), { recursive: true })
  mkdirSync(at('renewed'))
  writeFileSync(at('renewed/b'), 'new\n')
  mkdirSync(at('renewed/deep'), { mode: 0o700 })
  rmSync(at('kept/deep/deeper'), { recursive: true })
  mkdirSync(at('kept/deep/deeper'))
  // A file for a directory, a directory for a file, a link for either.
  rmSync(at('file-then'), { recursive: true })
  writeFileSync(at('file-then'), 'a file now\n')
  unlinkSync(at('then-directory'))
  mkdirSync(at('then-directory'))
  writeFileSync(at('then-directory/inside'), 'inside\n')
  rmSync(at('modes'), { recursive: true })
  symlinkSync('kinds', at('modes'))
  unlinkSync(at('kinds/absolute'))
  mkdirSync(at('kinds/absolute'))
  // Back again.
  mkdirSync(at('removed'))
  writeFileSync(at('removed/a'), 'back\n')
  unlinkSync(at('set/one'))
}

function undo(at: (path: string) => string): void {
  unlinkSync(at('renewed/b'))
  writeFileSync(at('renewed/c'), 'later\n')
  rmSync(at('then-directory'), { recursive: true })
  writeFileSync(at('then-directory'), 'a file again\n')
  unlinkSync(at('file-then'))
  mkdirSync(at('file-then/deep/deeper'), { recursive: true })
  unlinkSync(at('modes'))
  rmSync(at('removed'), { recursive: true })
  unlinkSync(at('kept/zero'))
  unlinkSync(at('added'))
  rmSync(at('names'), { recursive: true })
  chmodSync(at('untouched/deep'), 0o1777)
}

/** Paths below a directory. */
export function below(directory: string): (path: string) => string {
  return (path) => join(directory, path)
}
