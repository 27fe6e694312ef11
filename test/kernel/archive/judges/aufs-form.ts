import { mkdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyTreeSync, getxattrSync, listxattrSync, removexattrSync, utimensatSync } from 'graphdriver/sys'
import { Directory } from './directory.ts'

const OVERLAY = 'trusted.overlay.'

/**
 * Copies the layers of an overlay store into the layout of aufs, by hand: whiteouts become `.wh.` files, opaque directories get
 * their marker, and each branch the files that aufs makes in one. No kernel with aufs is needed.
 *
 * @param layers ids and directories, the base first.
 */
export function writeAufsStore(root: string, layers: readonly { id: string; diff: string }[]): void {
  for (const name of ['layers', 'diff', 'mnt']) mkdirSync(join(root, name), { recursive: true })
  for (const [at, { id, diff }] of layers.entries()) {
    const ancestors = layers.slice(0, at).reverse()
    writeFileSync(join(root, 'layers', id), ancestors.map((ancestor) => `${ancestor.id}\n`).join(''))
    mkdirSync(join(root, 'mnt', id))
    mkdirSync(join(root, 'diff', id))
    copyTreeSync(diff, join(root, 'diff', id))
    using branch = Directory.at(join(root, 'diff', id))
    convert(branch)
    keepingTime(branch, () => {
      writeFileSync(branch.path('.wh..wh.aufs'), '', { mode: 0o444 })
      for (const name of ['.wh..wh.plnk', '.wh..wh.orph']) mkdirSync(branch.path(name), { mode: 0o700 })
    })
  }
}

function keepingTime(directory: Directory, change: () => void): void {
  const { mtimeNs } = directory.stat()
  change()
  utimensatSync(directory.fd, '.', null, mtimeNs)
}

function convert(directory: Directory): void {
  keepingTime(directory, () => {
    const opaque = takeOpaque(directory)
    for (const name of directory.names()) {
      const stat = directory.stat(name)
      if (stat.isCharacterDevice() && stat.rdev === 0n) {
        unlinkSync(directory.path(name))
        writeFileSync(directory.path(`.wh.${name}`), '', { mode: 0o444 })
      } else if (stat.isDirectory()) {
        using child = directory.below(name)
        convert(child)
      }
    }
    if (opaque) writeFileSync(directory.path('.wh..wh..opq'), '', { mode: 0o444 })
  })
}

/** Takes overlay's own attributes from a directory; answers whether it hid what was below it. */
function takeOpaque(directory: Directory): boolean {
  const path = directory.path()
  const own = listxattrSync(path).filter((name) => name.startsWith(OVERLAY))
  const opaque = own.includes(`${OVERLAY}opaque`) && getxattrSync(path, `${OVERLAY}opaque`).toString() === 'y'
  for (const name of own) removexattrSync(path, name)
  return opaque
}
