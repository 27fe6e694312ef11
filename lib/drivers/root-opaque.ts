import { lstat, readdir } from 'node:fs/promises'
import { AT_FDCWD, mknodat } from '../sys/index.ts'
import { unless } from '../store/index.ts'

const S_IFCHR = 0o020000

/**
 * overlay joins the roots of its layers whatever they say, so a layer that hides everything below gets a whiteout for each name that
 * the layers below show in their root.
 *
 * @param directory the layer's own.
 * @param lowers the directories of the layers below, nearest first.
 */
export async function hideRootBelow(directory: string, lowers: readonly string[]): Promise<void> {
  for (const name of await namesBelow(lowers)) {
    // What the layer has itself hides the name already.
    await unless(mknodat(AT_FDCWD, inside(directory, name), S_IFCHR, 0, 0), ['EEXIST'], undefined)
  }
}

async function namesBelow(lowers: readonly string[]): Promise<Buffer[]> {
  const shown = new Map<string, Buffer>()
  const gone = new Set<string>()
  for (const lower of lowers) {
    for (const name of await readdir(lower, { encoding: 'buffer' })) {
      const key = name.toString('latin1')
      if (shown.has(key) || gone.has(key)) continue
      const stats = await lstat(inside(lower, name))
      if (stats.isCharacterDevice() && stats.rdev === 0) gone.add(key)
      else shown.set(key, name)
    }
  }
  return [...shown.values()]
}

function inside(directory: string, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), name])
}
